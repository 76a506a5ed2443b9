"""MINT: one scale for the weights of a layer and the membrane that they feed."""

from __future__ import annotations

import math
from typing import Self

import torch
from torch import Tensor, nn

from snnbench.quant import Joint, straight_through

_LEAST = 1e-8


class MINT(nn.Module, Joint):
    """Multiplier-less integers (Yin et al. 2024, arXiv 2305.09850).

    ``alpha / m round(m clip(tanh(x) / alpha, -1, 1))``, m = 2^(b-1) - 1; the gradient passes inside the clip range, and
    reaches alpha.
    """

    alpha: nn.Parameter

    def __init__(self, tensor: Tensor, bits: int, alpha: nn.Parameter | None = None) -> None:
        super().__init__()
        self.most = 2 ** (bits - 1) - 1
        self.alpha = nn.Parameter(self._start(tensor.detach())) if alpha is None else alpha

    def forward(self, x: Tensor) -> Tensor:
        """The quantized weights, or the quantized potentials in units of the threshold."""
        alpha = self.alpha.abs().clamp(min=_LEAST).to(x.dtype)
        scaled = (x.tanh() / alpha).clamp(-1, 1) * self.most
        return straight_through(scaled.round(), scaled) * (alpha / self.most)

    def for_membrane(self, tensor: Tensor, *, bits: int) -> Self:
        """The quantizer of the membrane that these weights feed: `bits` of its own, and the same alpha."""
        return type(self)(tensor, bits, self.alpha)

    def _start(self, tensor: Tensor) -> Tensor:
        """``2 E|w| / sqrt(m)``; the threshold for a membrane, which has no values to start from."""
        if tensor.isnan().any():
            return torch.ones_like(tensor[0])
        return (2 * tensor.abs().mean() / math.sqrt(self.most)).clamp(min=_LEAST)
