"""Applying, baking and auditing quantizers on a model."""

from snnbench.nn.refits import Refitting
from snnbench.nn.synapses import weight_layers
from snnbench.quant.apply import (
    Coverage,
    MakeQuantizer,
    bake,
    check_layers,
    feeding_quantizers,
    quantize_membranes,
    quantize_weights,
    quantizers,
)
from snnbench.quant.audit import audit_membranes, audit_weights, float_bits, full_precision
from snnbench.quant.contract import Calibrated, Joint, Quantizer, checked_module
from snnbench.quant.straight_through import straight_through
from snnbench.quant.watch import Watch

__all__ = [
    "Calibrated",
    "Coverage",
    "Joint",
    "MakeQuantizer",
    "Quantizer",
    "Refitting",
    "Watch",
    "audit_membranes",
    "audit_weights",
    "bake",
    "check_layers",
    "checked_module",
    "feeding_quantizers",
    "float_bits",
    "full_precision",
    "quantize_membranes",
    "quantize_weights",
    "quantizers",
    "straight_through",
    "weight_layers",
]
