"""Pictures of records: what fired, how far it is from the reference, and at which accuracy."""

from snnbench.plots.pictures import draw_all

__all__ = ["draw_all"]
