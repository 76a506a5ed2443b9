"""Networks in and out: files of NIR, with what NIR has no fields for beside them."""

from snnbench.exchange.conversion import Plan
from snnbench.exchange.files import DT, from_nir, write_network
from snnbench.exchange.network import GraphNetwork

__all__ = ["DT", "GraphNetwork", "Plan", "from_nir", "write_network"]
