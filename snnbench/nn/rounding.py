"""Quantizers of potentials that the compiled kernels know: those that clip, and round to equally spaced levels."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import torch
from torch import nn


class RoundingGrid(NamedTuple):
    """Clips to [low, high] and rounds half to even to ``origin + k * step``; a step of 0 leaves the origin alone."""

    low: float
    high: float
    origin: float
    step: float


def fixed_grid(quantizer: nn.Module, dtype: torch.dtype) -> RoundingGrid | None:
    """The grid on which `quantizer` rounds every tensor of `dtype`; None if it has none, or somebody watches it.

    A class says so by its own method of this name, ``fixed_grid(dtype)``; what a subclass does may be something else.
    """
    if "fixed_grid" not in vars(type(quantizer)) or quantizer._forward_hooks or quantizer._forward_pre_hooks:
        return None
    return cast(Any, quantizer).fixed_grid(dtype)  # type: ignore[no-any-return]
