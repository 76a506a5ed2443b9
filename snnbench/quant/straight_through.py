"""The straight-through estimator (Bengio et al. 2013, arXiv 1308.3432)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _StraightThrough(torch.autograd.Function):
    """Returns the first tensor exactly; the gradient goes to the second."""

    @staticmethod
    def forward(ctx: Any, quantized: Tensor, source: Tensor) -> Tensor:
        return quantized.view_as(quantized)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[None, Tensor]:
        return None, grads[0]


def straight_through(quantized: Tensor, source: Tensor) -> Tensor:
    """`quantized`, bit for bit, with the gradient of `source` (same shape).

    ``source + (quantized - source).detach()`` rounds in floating point and so adds levels; this does not.
    """
    return _StraightThrough.apply(quantized.detach(), source)  # type: ignore[no-any-return, no-untyped-call]
