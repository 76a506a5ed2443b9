"""Networks in and out: files of NIR, with what NIR has no fields for beside them."""

from snnbench.exchange.conversion import Plan
from snnbench.exchange.dialects import DIALECTS, DialectName
from snnbench.exchange.files import DT, from_nir, write_dialect, write_network
from snnbench.exchange.network import GraphNetwork

__all__ = ["DIALECTS", "DT", "DialectName", "GraphNetwork", "Plan", "from_nir", "write_dialect", "write_network"]
