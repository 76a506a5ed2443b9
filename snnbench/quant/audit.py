"""What a quantized network really holds, read from its weights and not from what a quantizer says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from snnbench.quant.apply import Coverage, weight_layers


@dataclass(frozen=True)
class LayerAudit:
    """Levels of one layer's weight: the most in any output channel, and the bits they need against those declared."""

    levels: int
    found_bits: int
    declared_bits: int
    weights: int

    @property
    def exceeds(self) -> bool:
        """Whether the layer holds more levels than its declared bits allow."""
        return self.found_bits > self.declared_bits


@torch.no_grad()
def audit_weights(model: nn.Module, coverage: Coverage, declared: Mapping[str, int]) -> dict[str, LayerAudit]:
    """Count the distinct levels in each quantized weight of `model`; `declared` gives each layer's bits."""
    layers = weight_layers(model)
    audits = {}
    for name in coverage.quantized:
        weight = cast(Tensor, layers[name].weight).detach()
        levels = most_levels(weight)
        audits[name] = LayerAudit(levels, bits_for(levels), declared[name], weight.numel())
    return audits


def most_levels(weight: Tensor) -> int:
    """The largest number of distinct values in any output channel (dimension 0) of `weight`."""
    rows = weight.flatten(1).sort(dim=1).values
    return int((rows.diff(dim=1) != 0).sum(dim=1).max()) + 1


def bits_for(levels: int) -> int:
    """The fewest bits that number `levels` values; at least 1."""
    return max(1, (levels - 1).bit_length())
