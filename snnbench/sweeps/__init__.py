"""Sweeps: many cells, computed once each, by whatever executor there is."""
