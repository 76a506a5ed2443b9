"""Uniform quantization: clip, then round to one of 2^b equally spaced levels (the paper's baseline)."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from snnbench.errors import OptionError
from snnbench.nn.rounding import RoundingGrid
from snnbench.quant.straight_through import straight_through

Clip = Literal["narrow", "wide", "absmax", "mse", "percentile"]
_Grid = Literal["endpoint", "symmetric"]
_Per = Literal["tensor", "channel"]
Range = Literal["signed", "unsigned"]
_FIXED = {"narrow": 1.0, "wide": 10.0}
_PERCENTILE = 0.999
_SHRINK = [1 - step / 100 for step in range(100)]


class Uniform(nn.Module):
    """Rounds half to even; the gradient is 1 inside the clip range and 0 outside."""

    bound: Tensor | None

    def __init__(self, tensor: Tensor, bits: int, grid: _Grid, clip: Clip, per: _Per, range_: Range) -> None:
        super().__init__()
        self.bits, self.grid, self.clip, self.per, self.range = bits, grid, clip, per, range_
        self.register_buffer("bound", None if clip == "absmax" else self._fit(tensor.detach()))

    def forward(self, x: Tensor) -> Tensor:
        """The quantized tensor, same shape and dtype as `x`."""
        bound = self._absmax(x.detach()) if self.bound is None else self.bound.to(x.dtype)
        low = self._low(bound)
        clipped = torch.minimum(torch.maximum(x, low), bound)
        inside = (x >= low) & (x <= bound)
        return straight_through(self._round(clipped, bound), torch.where(inside, x, x.detach()))

    def _low(self, bound: Tensor) -> Tensor:
        return torch.zeros_like(bound) if self.range == "unsigned" else -bound

    def fixed_grid(self, dtype: torch.dtype) -> RoundingGrid | None:
        """The grid on which it rounds every tensor of `dtype`; None if the grid depends on the tensor."""
        if self.bound is None or self.bound.ndim:
            return None
        bound = self.bound.to(dtype)
        return RoundingGrid(*map(float, (self._low(bound), bound, *self._levels(bound))))

    def _levels(self, bound: Tensor) -> tuple[Tensor, Tensor]:
        """Origin and step of the levels."""
        if self.grid == "symmetric" and self.range == "signed":
            return torch.zeros_like(bound), bound / (2 ** (self.bits - 1) - 1)
        origin = self._low(bound)
        return origin, (bound - origin) / (2**self.bits - 1)

    def _round(self, clipped: Tensor, bound: Tensor) -> Tensor:
        origin, scale = self._levels(bound)
        index = torch.round((clipped - origin) / torch.where(scale == 0, 1, scale))
        quantized: Tensor = origin + index * scale
        return quantized

    def _absmax(self, x: Tensor) -> Tensor:
        largest: Tensor = self._per_unit(x.abs()).amax(dim=1)
        return largest.view(self._bound_shape(x))

    def _per_unit(self, x: Tensor) -> Tensor:
        return x.reshape(len(x), -1) if self.per == "channel" else x.reshape(1, -1)

    def _bound_shape(self, x: Tensor) -> tuple[int, ...]:
        return (len(x), *[1] * (x.ndim - 1)) if self.per == "channel" else (1,) * x.ndim

    def _fit(self, tensor: Tensor) -> Tensor:
        if self.clip in _FIXED:
            return torch.tensor(_FIXED[self.clip], dtype=tensor.dtype, device=tensor.device)
        if self.clip == "percentile":
            magnitudes = self._per_unit(tensor.abs()).sort(dim=1).values
            index = min(magnitudes.shape[1] - 1, int(_PERCENTILE * magnitudes.shape[1]))
            return magnitudes[:, index].reshape(self._bound_shape(tensor))
        return self._least_squares(tensor)

    def _least_squares(self, tensor: Tensor) -> Tensor:
        largest = self._absmax(tensor)
        best, least = largest, torch.full_like(largest, torch.inf)
        for factor in _SHRINK:
            bound = largest * factor
            clipped = torch.minimum(torch.maximum(tensor, self._low(bound)), bound)
            error = self._per_unit((self._round(clipped, bound) - tensor) ** 2).sum(dim=1).view_as(bound)
            best, least = torch.where(error < least, bound, best), torch.minimum(error, least)
        return best

    def extra_repr(self) -> str:
        """The options."""
        return f"bits={self.bits}, grid={self.grid}, clip={self.clip}, per={self.per}, range={self.range}"


def uniform(
    tensor: Tensor,
    *,
    bits: Annotated[int, Field(ge=1, le=16)],
    grid: _Grid = "endpoint",
    clip: Clip = "narrow",
    per: _Per = "tensor",
    range: Range = "signed",  # noqa: A002
) -> nn.Module:
    """Uniform quantization of weights or membrane potentials, the paper's baseline.

    The clip range is [-c, c], or [0, c] with ``range=unsigned``; c is 1 (``narrow``), 10 (``wide``), the largest
    magnitude at each forward (``absmax``), the shrunk range of least squared error (``mse``) or the 99.9th percentile
    of the magnitudes (``percentile``), the last two found once. The grid holds both ends (``endpoint``: 2^b levels,
    for signed ranges none at 0) or 0 (``symmetric``: 2^b - 1 levels); unsigned grids hold both 0 and c.

    Raises:
        OptionError: for ``grid=symmetric`` with 1 bit, or a clip that needs values where the tensor has none.
    """
    if grid == "symmetric" and bits < 2:
        raise OptionError("grid=symmetric needs at least 2 bits; with --bits 1 use grid=endpoint")
    if clip not in _FIXED and tensor.isnan().any():
        raise OptionError(f"clip={clip} is found from a tensor's values, and a membrane has none; use narrow or wide")
    return Uniform(tensor, bits, grid, clip, per, range)
