"""Applying, baking and auditing quantizers on a model."""

from snnbench.quant.apply import (
    Coverage,
    MakeQuantizer,
    bake,
    quantize_membranes,
    quantize_weights,
    quantizers,
    weight_layers,
)
from snnbench.quant.audit import audit_weights
from snnbench.quant.straight_through import straight_through

__all__ = [
    "Coverage",
    "MakeQuantizer",
    "audit_weights",
    "bake",
    "quantize_membranes",
    "quantize_weights",
    "quantizers",
    "straight_through",
    "weight_layers",
]
