"""Quantizers of membrane potentials for snnbench: snnTorch's levels, and MINT's integers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from snnbench import hookimpl
from snnbench.quant import straight_through
from snnbench_membrane.levels import exponential, uniform

Bits = Annotated[int, Field(ge=1, le=8)]
Share = Annotated[float, Field(ge=0)]
Base = Annotated[float, Field(gt=0, lt=1)]


class Levels(nn.Module):
    """The nearest of some levels, in units of the threshold; ties go down, the gradient is the identity."""

    levels: Tensor

    def __init__(self, levels: Tensor) -> None:
        super().__init__()
        self.register_buffer("levels", levels.float())

    def forward(self, v: Tensor) -> Tensor:
        """The quantized potential, same shape and dtype as `v`."""
        levels = self.levels.to(v.dtype)
        nearest = torch.searchsorted((levels[1:] + levels[:-1]) / 2, v.detach().contiguous())
        return straight_through(levels[nearest], v)


class MINT(nn.Module):
    """Multiplier-less integers (Yin et al. 2024, arXiv 2305.09850): ``s clip(round(v / s))``, s shared by a layer."""

    def __init__(self, bits: int, scale: float | None) -> None:
        super().__init__()
        self.low, self.high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        self.scale = 1 / self.high if scale is None else scale

    def forward(self, v: Tensor) -> Tensor:
        """The quantized potential; the gradient passes inside the clip range."""
        clipped = v.clamp(self.low * self.scale, self.high * self.scale)
        return straight_through((clipped / self.scale).round() * self.scale, clipped)


def state_uniform(tensor: Tensor, *, bits: Bits, lower: Share = 0.0, upper: Share = 0.2) -> nn.Module:
    """snnTorch's uniform levels, from -(1 + lower) to 1 + upper thresholds."""
    return Levels(uniform(bits, lower, upper))


def state_exponential(
    tensor: Tensor,
    *,
    bits: Bits,
    centred: bool = True,
    lower: Share = 0.0,
    upper: Share = 0.2,
    base: Base | None = None,
) -> nn.Module:
    """snnTorch's exponential levels, dense about the threshold (``centred``) or about 0."""
    return Levels(exponential(bits, 1.0 if centred else 0.0, lower, upper, base))


def mint(
    tensor: Tensor, *, bits: Annotated[int, Field(ge=2, le=8)], scale: Annotated[float, Field(gt=0)] | None = None
) -> nn.Module:
    """MINT: integer multiples of one scale a layer, by default such that the largest integer is the threshold."""
    return MINT(bits, scale)


@hookimpl
def snnbench_quantizers() -> dict[str, Callable[..., nn.Module]]:
    """``state-uniform``, ``state-exponential`` and ``mint``."""
    return {"state-uniform": state_uniform, "state-exponential": state_exponential, "mint": mint}
