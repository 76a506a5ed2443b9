"""The harness: measuring one cell."""
