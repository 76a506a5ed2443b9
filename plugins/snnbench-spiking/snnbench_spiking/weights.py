"""Weights of Q-SNN and QP-SNN."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from snnbench.quant import straight_through

_LEAST = 1e-8
_K, _T = 10.0, 0.2


def per_channel(x: Tensor) -> tuple[int, ...]:
    """The dimensions of one output channel; of a 1-d tensor, its only one."""
    return tuple(range(1, x.ndim)) if x.ndim > 1 else (0,)


class _Sign(torch.autograd.Function):
    """The sign, +1 at 0, with the derivative ``k t (1 - tanh(t x)^2)``."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.where(x >= 0, 1.0, -1.0).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        slope: Tensor = _K * _T * (1 - (x * _T).tanh().square())
        return grads[0] * slope


class QSNN(nn.Module):
    """The binary weights of Q-SNN (Wei et al. 2024, arXiv 2406.13672)."""

    def forward(self, w: Tensor) -> Tensor:
        """``sign(x) 2^round(log2 E|w - mean|)``, x = (w - mean) / deviation, per channel."""
        centred = w - w.mean(per_channel(w), keepdim=True)
        # The root's slope at 0 is infinite: a constant channel has its variance cut off before the root.
        deviation = centred.square().mean(per_channel(w), keepdim=True).clamp(min=_LEAST**2).sqrt()
        scale = centred.detach().abs().mean(per_channel(w), keepdim=True).log2().round().exp2()
        sign: Tensor = _Sign.apply(centred / deviation)  # type: ignore[no-untyped-call]
        return sign * scale


class ReScaW(nn.Module):
    """Weight rescaling of QP-SNN (Wei et al. 2025, arXiv 2502.05905)."""

    def __init__(self, bits: int) -> None:
        super().__init__()
        self.half = (2**bits - 1) / 2

    def forward(self, w: Tensor) -> Tensor:
        """``g (round((clip(w/g, -1, 1) + 1) n) / n - 1)``, g = E|w| per channel, n = (2^b - 1)/2; identity gradient."""
        scale = w.detach().abs().mean(per_channel(w), keepdim=True).clamp(min=_LEAST)
        code = (((w / scale).clamp(-1, 1) + 1) * self.half).round()
        return straight_through(scale * (code / self.half - 1), w)
