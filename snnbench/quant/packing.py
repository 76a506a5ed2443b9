"""How small a quantized tensor can be stored: an index a weight, and the numbers that the indices stand for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

NUMBER_BITS = 32
"""Size of a scale, a basis number, a level, or a weight that is not quantized."""

Codebook = Literal["grid", "basis", "list", "raw"]
Levels = NDArray[np.float64]

_ROUNDING = 8 * float(torch.finfo(torch.float32).eps)
_MOST_BASIS = 12
_FEW_LEVELS = 64


@dataclass(frozen=True)
class Packing:
    """What the indices stand for, and the size in bits of indices and numbers together.

    ``grid``: equally spaced levels, an origin and a step. ``basis``: sums of b numbers. ``list``: every level by
    itself. ``raw``: no index, since 32 bits a weight are less.
    """

    codebook: Codebook
    bits: int


def pack(weight: Tensor, basis: Tensor | None = None) -> Packing:
    """The smallest lossless storage of `weight` (channels, ...), with one codebook a tensor or one a channel.

    Args:
        weight: the quantized weights, whose values alone decide.
        basis: numbers (channels, b) or (1, b) that claim to produce each channel's levels; used only if they do.
    """
    rows = weight.detach().flatten(1).double().cpu().numpy()
    channels = [np.unique(row) for row in rows]
    found = [Packing("raw", NUMBER_BITS * rows.size)]
    for books in ([np.unique(rows)], channels):
        found += [_as_list(books, rows.size), *_as_grid(books, rows.size)]
    if basis is not None:
        found += _as_basis(channels, basis, rows.size)
    return min(found, key=lambda packing: packing.bits)


def bits_for(levels: int) -> int:
    """The fewest bits that number `levels` values; at least 1."""
    return max(1, (levels - 1).bit_length())


def grid_steps(levels: Levels) -> int | None:
    """Steps from the first to the last of sorted `levels` on the coarsest grid that holds all, up to float32 rounding.

    None if they are on no grid whose step is the smallest gap or a small part of it: down to 1/8, or 1/256 where there
    are few levels, whose smallest gap may be many steps.
    """
    if len(levels) < 2:
        return 0
    gaps = np.diff(levels)
    parts = np.arange(1, 257 if len(levels) <= _FEW_LEVELS else 9)[:, None]
    at = np.rint(gaps * parts / gaps.min()).cumsum(axis=1)
    steps = (levels[-1] - levels[0]) / at[:, -1:]
    fits = np.abs(levels[0] + at * steps - levels[1:]).max(axis=1) <= _ROUNDING * np.abs(levels).max()
    return int(at[fits.argmax(), -1]) if fits.any() else None


def reproduces(basis: Tensor, channels: Sequence[Levels]) -> bool:
    """Whether every channel's levels are sums of its row of `basis`, with codes {-1, 1} or {0, 1}."""
    numbers = basis.detach().double().cpu().numpy()
    if numbers.ndim != 2 or len(numbers) not in (1, len(channels)) or not 1 <= numbers.shape[1] <= _MOST_BASIS:
        return False
    binary = (np.arange(2 ** numbers.shape[1])[:, None] >> np.arange(numbers.shape[1])) & 1
    rows = np.broadcast_to(numbers, (len(channels), numbers.shape[1]))
    return any(
        all(_among(levels, codes @ row, np.abs(row).sum()) for levels, row in zip(channels, rows, strict=True))
        for codes in (2 * binary - 1, binary)
    )


def _among(levels: Levels, sums: Levels, scale: float) -> bool:
    nearest = np.abs(levels[:, None] - sums[None, :]).min(axis=1)
    return bool(nearest.max() <= _ROUNDING * scale)


def _as_list(books: Sequence[Levels], weights: int) -> Packing:
    index = bits_for(max(map(len, books)))
    return Packing("list", index * weights + NUMBER_BITS * sum(map(len, books)))


def _as_grid(books: Sequence[Levels], weights: int) -> list[Packing]:
    most = 0
    for levels in books:
        steps = grid_steps(levels)
        if steps is None:
            return []
        most = max(most, steps)
    return [Packing("grid", bits_for(most + 1) * weights + 2 * NUMBER_BITS * len(books))]


def _as_basis(channels: Sequence[Levels], basis: Tensor, weights: int) -> list[Packing]:
    if not reproduces(basis, channels):
        return []
    return [Packing("basis", basis.shape[1] * weights + NUMBER_BITS * basis.numel())]
