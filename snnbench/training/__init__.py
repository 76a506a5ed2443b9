"""Training by a protocol's recipe, and the baselines that it makes."""
