"""Where a convolution is faster without the inputs that are zero."""

from __future__ import annotations

import math

from torch import Tensor, nn

BLOCK = 16
"""Output channels that the kernels add up together."""
# Measured with AVX-512, and much the same with AVX2: with fewer output channels, or fewer products of an input (as a
# shortcut of 1 x 1 with a stride has), dense kernels are faster whatever the inputs are.
_FEWEST_CHANNELS = 32
_FEWEST_PRODUCTS = 128
_SAMPLED_ROWS = 8


def may_skip(conv: nn.Conv2d, weight: Tensor) -> bool:
    """Whether `conv` with `weight` is faster without zeros if there are enough of them."""
    if conv.groups != 1 or conv.dilation != (1, 1) or isinstance(conv.padding, str):
        return False
    products = weight[:, 0].numel() / math.prod(conv.stride)
    return len(weight) >= _FEWEST_CHANNELS and products >= _FEWEST_PRODUCTS


def events_among(x: Tensor) -> float:
    """The share of inputs that are not zero, in some rows of `x`."""
    rows = x[:: max(1, len(x) // _SAMPLED_ROWS)]
    return int(rows.count_nonzero()) / max(1, rows.numel())
