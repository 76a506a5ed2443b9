"""Networks as chips run them: declared integer semantics, and what they do to a quantized network."""

from snnbench.chips.document import Semantics, read_semantics
from snnbench.chips.on_chip import OnChip, on_chip
from snnbench.chips.shelf import find_chip

__all__ = ["OnChip", "Semantics", "find_chip", "on_chip", "read_semantics"]
