"""The levels of snnTorch's ``state_quant`` (Eshraghian et al. 2022, arXiv 2202.07221), in units of the threshold."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_BASES = {1: 0.05, 2: 0.1, 3: 0.3, 4: 0.5, 5: 0.7, 6: 0.9, 7: 0.925, 8: 0.95}


def uniform(bits: int, lower: float, upper: float) -> Tensor:
    """2^bits equally spaced levels from -(1 + lower) to 1 + upper."""
    return torch.linspace(-1 - lower, 1 + upper, 2**bits)


def exponential(bits: int, centre: float, lower: float, upper: float, base: float | None = None) -> Tensor:
    """2^bits levels from -(1 + lower) to 1 + upper whose distances shrink by `base` towards `centre`, on either side.

    The levels are shared out in proportion to the lengths of the sides; no level is at the centre itself.
    """
    base = _BASES[bits] if base is None else base
    low, high, count = -1 - lower, 1 + upper, 2**bits
    below = math.floor(count * (centre - low) / (high - low))
    falling = base ** torch.arange(below, dtype=torch.float64)
    rising = base ** torch.arange(count - below - 1, -1, -1, dtype=torch.float64)
    under = low + (falling.cumsum(0) - falling) / falling.sum() * (centre - low)
    over = centre + rising.cumsum(0) / rising.sum() * (high - centre)
    return torch.cat([under, over])
