"""A NIR file as a model factory, for `snnbench run --network graph.nir`."""

from __future__ import annotations

from pathlib import Path

from snnbench.exchange.files import from_nir
from snnbench.exchange.network import GraphNetwork

FACTORY = f"{__name__}:graph"


def graph(*, file: str = "", timesteps: int | None = None) -> GraphNetwork:
    """The network of a NIR file (see `from_nir`), over T steps; by default as many as its sidecar says."""
    return from_nir(Path(file), timesteps=timesteps)
