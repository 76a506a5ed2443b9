"""Quantizers for snnbench whose steps move in training: LSQ, LSQ+, and moving ranges."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from snnbench import hookimpl
from snnbench.errors import OptionError
from snnbench.quant import Refitting, straight_through

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
    """LSQ+ (Bhalgat et al. 2020, arXiv 2004.09576): LSQ with a learned offset, here on weights.

    Attributes:
        factor: what the gradients of step and offset alike are multiplied by: 1 / sqrt(N Qp), N weights and
            Qp = 2^(b-1) - 1. It is that of LSQ's step (arXiv 1902.08153); that the offset has it, too, is a choice
            made here.
    """

    def __init__(self, tensor: Tensor, bits: int) -> None:
        super().__init__()
        self.low, self.high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        self.factor = 1 / math.sqrt(tensor.numel() * self.high)
        mean, spread = tensor.detach().mean(), 3 * tensor.detach().std(correction=0)
        largest = torch.maximum((mean - spread).abs(), (mean + spread).abs())
        self.step = nn.Parameter((largest / 2 ** (bits - 1)).clamp(min=_LEAST))
        self.offset = nn.Parameter(torch.zeros_like(mean))

    def forward(self, w: Tensor) -> Tensor:
        """``s round(clip((w - beta) / s, -Qn, Qp)) + beta``.

        The step's gradient is LSQ's, of (w - beta) / s. Beta's is 0 inside the clip range and 1 outside, times factor.
        """
        step = scale_gradient(self.step.abs().clamp(min=_LEAST), self.factor).to(w.dtype)
        offset = scale_gradient(self.offset, self.factor).to(w.dtype)
        scaled = ((w - offset) / step).clamp(self.low, self.high)
        return straight_through(scaled.round(), scaled) * step + offset


class MovingRange(nn.Module, Refitting):
    """Symmetric levels, each channel's up to a moving average of its largest weight over the training forwards.

    As PyTorch's ``MovingAveragePerChannelMinMaxObserver`` does it, which averages least and largest apart.
    """

    low: Tensor
    high: Tensor
    forwards: Tensor
    _seen: tuple[Tensor, Tensor] | None

    def __init__(self, tensor: Tensor, bits: int, share: float) -> None:
        super().__init__()
        self.most, self.share = 2 ** (bits - 1) - 1, share
        low, high = self._range(tensor.detach())
        self.register_buffer("low", low)
        self.register_buffer("high", high)
        self.register_buffer("forwards", torch.zeros((), dtype=torch.int64))
        self._watching, self._seen = False, None

    def forward(self, w: Tensor) -> Tensor:
        """The quantized tensor; its gradient is the identity."""
        if self._watching:
            self._seen = self._range(w.detach())
        largest = torch.maximum(-self.low, self.high).clamp(min=_LEAST * self.most)
        step = (largest / self.most).to(w.dtype).view(-1, *[1] * (w.ndim - 1))
        return straight_through((w / step).round().clamp(-self.most, self.most) * step, w)

    def start_forward(self) -> None:
        """A training forward of the network begins."""
        self._watching, self._seen = True, None

    def finish_forward(self) -> None:
        """It is over: move the averages by a share of what was seen in it."""
        seen, self._watching, self._seen = self._seen, False, None
        if seen is not None:
            self.forwards += 1
            self.low.lerp_(seen[0], self.share)
            self.high.lerp_(seen[1], self.share)

    @staticmethod
    def _range(w: Tensor) -> tuple[Tensor, Tensor]:
        low, high = (w.reshape(len(w), -1) if w.ndim > 1 else w.reshape(1, -1)).aminmax(dim=1)
        return low.clamp(max=0), high.clamp(min=0)


def lsq(tensor: Tensor, *, bits: Bits) -> nn.Module:
    """LSQ: uniform signed levels whose step is learned, starting at 2 E|w| / sqrt(Qp), per tensor."""
    return LSQ(tensor, bits)


def lsq_plus(tensor: Tensor, *, bits: Bits) -> nn.Module:
    """LSQ+: LSQ with a learned offset (0 at the start); the step starts at max|mean -+ 3 deviations| / 2^(b-1)."""
    return LSQPlus(tensor, bits)


def moving_range(tensor: Tensor, *, bits: Bits, share: Annotated[float, Field(gt=0, le=1)] = 0.01) -> nn.Module:
    """Symmetric levels per channel, up to a moving average of the largest weight, which moves by a share a step."""
    if tensor.isnan().any():
        raise OptionError("a membrane has no channels of weights to take a range of; choose another quantizer for it")
    return MovingRange(tensor, bits, share)


@hookimpl
def snnbench_quantizers() -> dict[str, Callable[..., nn.Module]]:
    """``lsq``, ``lsq+`` and ``moving-range``."""
    return {"lsq": lsq, "lsq+": lsq_plus, "moving-range": moving_range}
