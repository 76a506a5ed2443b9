"""Rounding to the nearest level, plus the whole steps by which calibration departs from it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from snnbench.quant import straight_through


class Shifted(nn.Module):
    """Symmetric levels per output channel, up to its largest magnitude; straight-through.

    What calibration chose is kept as a number of steps for each weight, so that fine-tuning starts from it.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, tensor: Tensor, bits: int) -> None:
        super().__init__()
        self.most = 2 ** (bits - 1) - 1
        largest = tensor.detach().reshape(len(tensor), -1).abs().amax(1, keepdim=True)
        self.register_buffer("scale", (largest / self.most).clamp(min=1e-8))
        self.register_buffer("shift", torch.zeros_like(tensor, requires_grad=False))

    def forward(self, w: Tensor) -> Tensor:
        """``s clip(round(w / s) + shift)``."""
        scale = self.scale.to(w.dtype).view(-1, *[1] * (w.ndim - 1))
        return straight_through(((w / scale).round() + self.shift).clamp(-self.most, self.most) * scale, w)

    def choose(self, weight: Tensor, codes: Tensor) -> None:
        """Make the levels of `weight` those of the whole numbers `codes` (channels, fan_in)."""
        self.shift.copy_((codes - (weight.flatten(1) / self.scale).round()).view_as(weight))
