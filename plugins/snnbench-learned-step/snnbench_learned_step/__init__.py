"""Learned-step-size quantizers for snnbench: LSQ and LSQ+."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from snnbench import hookimpl
from snnbench.quant import straight_through

Bits = Annotated[int, Field(ge=2, le=8)]
_LEAST = 1e-8


def scale_gradient(x: Tensor, factor: float) -> Tensor:
    """`x`, with `factor` times its gradient."""
    return straight_through(x, x * factor)


class LSQ(nn.Module):
    """Learned step size quantization (Esser et al. 2020, arXiv 1902.08153): ``s round(clip(w / s, -Qn, Qp))``."""

    def __init__(self, tensor: Tensor, bits: int) -> None:
        super().__init__()
        self.low, self.high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        self.factor = 1 / math.sqrt(tensor.numel() * self.high)
        self.step = nn.Parameter((2 * tensor.detach().abs().mean() / math.sqrt(self.high)).clamp(min=_LEAST))

    def forward(self, w: Tensor) -> Tensor:
        """The quantized tensor. The step's gradient is round(w/s) - w/s inside, -Qn or Qp outside, times factor."""
        step = scale_gradient(self.step.abs().clamp(min=_LEAST), self.factor).to(w.dtype)
        scaled = (w / step).clamp(self.low, self.high)
        return straight_through(scaled.round(), scaled) * step


class LSQPlus(nn.Module):
    """LSQ+ (Bhalgat et al. 2020, arXiv 2004.09576): LSQ with a learned offset, here on weights."""

    def __init__(self, tensor: Tensor, bits: int) -> None:
        super().__init__()
        self.low, self.high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        self.factor = 1 / math.sqrt(tensor.numel() * self.high)
        mean, spread = tensor.detach().mean(), 3 * tensor.detach().std(correction=0)
        largest = torch.maximum((mean - spread).abs(), (mean + spread).abs())
        self.step = nn.Parameter((largest / 2 ** (bits - 1)).clamp(min=_LEAST))
        self.offset = nn.Parameter(torch.zeros_like(mean))

    def forward(self, w: Tensor) -> Tensor:
        """``s round(clip((w - beta) / s, -Qn, Qp)) + beta``; beta's gradient is 1 outside the clip range."""
        step = scale_gradient(self.step.abs().clamp(min=_LEAST), self.factor).to(w.dtype)
        offset = scale_gradient(self.offset, self.factor).to(w.dtype)
        scaled = ((w - offset) / step).clamp(self.low, self.high)
        return straight_through(scaled.round(), scaled) * step + offset


def lsq(tensor: Tensor, *, bits: Bits) -> nn.Module:
    """LSQ: uniform signed levels whose step is learned, starting at 2 E|w| / sqrt(Qp), per tensor."""
    return LSQ(tensor, bits)


def lsq_plus(tensor: Tensor, *, bits: Bits) -> nn.Module:
    """LSQ+: LSQ with a learned offset (0 at the start); the step starts at max|mean -+ 3 deviations| / 2^(b-1)."""
    return LSQPlus(tensor, bits)


@hookimpl
def snnbench_quantizers() -> dict[str, Callable[..., nn.Module]]:
    """``lsq`` and ``lsq+``."""
    return {"lsq": lsq, "lsq+": lsq_plus}
