"""Quantizers of membrane potentials for snnbench: snnTorch's levels, Q-SNN's and SpQuant's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from snnbench import hookimpl
from snnbench.quant import straight_through
from snnbench_membrane.levels import exponential, uniform

Bits = Annotated[int, Field(ge=1, le=8)]
Share = Annotated[float, Field(ge=0)]
Base = Annotated[float, Field(gt=0, lt=1)]
_STEEP = 2.0


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


class QSNNState(nn.Module):
    """The potentials of Q-SNN (Wei et al. 2024, arXiv 2406.13672): 2^b - 1 levels of tanh v between -1 and 1."""

    def __init__(self, bits: int) -> None:
        super().__init__()
        self.most = 2 ** (bits - 1) - 1

    def forward(self, v: Tensor) -> Tensor:
        """``round(m tanh v) / m``, m = 2^(b-1) - 1; straight-through in the rounding."""
        squashed = v.tanh()
        return straight_through((squashed * self.most).round() / self.most, squashed)


class SpQuant(nn.Module):
    """The ternary potential of SpQuant-SNN (Hasssan et al. 2024, Front. Neurosci. 18, 1440000)."""

    def forward(self, v: Tensor) -> Tensor:
        """The nearest of -1, 0 and 1, ties going down; the gradient is a stack of two sigmoids' slopes."""
        code = (v > -0.5).to(v.dtype) + (v > 0.5).to(v.dtype) - 1
        return straight_through(code, (_STEEP * (v + 0.5)).sigmoid() + (_STEEP * (v - 0.5)).sigmoid())


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


def qsnn_state(tensor: Tensor, *, bits: Annotated[int, Field(ge=2, le=8)]) -> nn.Module:
    """Q-SNN's potentials: equally spaced levels of tanh v, between -1 and 1 thresholds."""
    return QSNNState(bits)


def spquant(tensor: Tensor, *, bits: Literal[2] = 2) -> nn.Module:
    """SpQuant's ternary potential: -1, 0 or 1 threshold."""
    return SpQuant()


@hookimpl
def snnbench_quantizers() -> dict[str, Callable[..., nn.Module]]:
    """``state-uniform``, ``state-exponential``, ``qsnn-state`` and ``spquant``."""
    return {
        "state-uniform": state_uniform,
        "state-exponential": state_exponential,
        "qsnn-state": qsnn_state,
        "spquant": spquant,
    }
