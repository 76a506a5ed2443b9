"""Quantized tensors as whole numbers and the few real numbers they stand for, read back exactly.

A tensor (channels, ...) becomes named parts: `FORMULAS` says which belong together, and what they stand for.
``levels``, ``index``, ``signs`` and ``bits`` are of the tensor's shape; ``scale`` and ``origin`` are (R,), ``basis``
(R, b) and ``table`` (R, K), where R is 1 or the number of channels (dimension 0).

All sums and products are float32, in that order. A negative zero comes back as zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from snnbench.quant.packing import NUMBER_BITS, WHOLE, Codebook, Whole, narrow, stored_bits

_Floats = NDArray[np.float32]
Parts = dict[str, Tensor]

PARTS = (*WHOLE, "scale", "origin", "basis", "table")
FORMULAS = {
    frozenset({"levels", "scale"}): "levels * scale",
    frozenset({"index", "scale", "origin"}): "origin + index * scale",
    frozenset({"signs", "basis"}): "sum over j of basis[:, j], negative where bit j of signs is 0",
    frozenset({"bits", "basis"}): "sum over j of basis[:, j] where bit j of bits is 1",
    frozenset({"index", "table"}): "table[:, index]",
}

_MOST = 255
_TOLERANCE = 8 * float(np.finfo(np.float32).eps)
_NEIGHBOURS = np.array(sorted(range(-8, 9), key=abs), dtype=np.int32)


def encode(weight: Tensor, basis: Tensor | None = None) -> Parts:
    """The parts of a float32 `weight` (channels, ...), with the smallest kind of codebook that gives it back exactly.

    Args:
        weight: the quantized weights, whose values alone decide.
        basis: numbers (channels, b) or (1, b) that claim to produce each channel's levels; used only if they do.

    Returns:
        The parts, on the CPU; none if they would be no smaller than the tensor, or it is not of finite float32.
    """
    weight = weight.detach().cpu().contiguous()
    if weight.dtype != torch.float32 or weight.ndim == 0 or not weight.isfinite().all():
        return {}
    rows: _Floats = weight.reshape(len(weight), -1).numpy() + np.float32(0)  # which makes -0 a 0: one level, not two
    parts = _encode(rows, None if basis is None else basis.detach().float().cpu().numpy())
    tensors = {name: torch.from_numpy(np.ascontiguousarray(part)) for name, part in parts.items()}
    tensors = {name: part.view(weight.shape) if name in WHOLE else part for name, part in tensors.items()}
    return tensors if stored_bits(tensors) < NUMBER_BITS * weight.numel() else {}


@dataclass(frozen=True)
class Packing:
    """How a weight is stored, and what that takes in bits, as `snnbench export` writes it.

    ``grid``: whole numbers times a scale, from 0 or from an origin. ``basis``: sums of b numbers. ``list``: every level
    by itself. ``raw``: as it is, since 32 bits a weight are less.
    """

    codebook: Codebook
    bits: int


def pack(weight: Tensor, basis: Tensor | None = None) -> Packing:
    """The storage of `weight` that `encode` finds."""
    parts = encode(weight, basis)
    if not parts:
        return Packing("raw", NUMBER_BITS * weight.numel())
    return Packing("basis" if "basis" in parts else "list" if "table" in parts else "grid", stored_bits(parts))


def decode(parts: Mapping[str, Tensor]) -> Tensor:
    """The float32 tensor that `encode` took apart.

    Raises:
        ValueError: if the parts do not belong together.
    """
    if frozenset(parts) not in FORMULAS:
        raise ValueError(f"parts {', '.join(sorted(parts))} are of no known kind")
    whole = next(name for name in WHOLE if name in parts)
    codes = parts[whole]
    rows: Any = codes.reshape(len(codes), -1).numpy().astype(np.int64)
    numbers = {name: part.numpy() for name, part in parts.items() if name != whole}
    try:
        values: _Floats = _decode(whole, rows, numbers)
    except IndexError as error:
        raise ValueError(f"parts {', '.join(sorted(parts))} do not fit together: {error}") from error
    return torch.from_numpy(values).view(codes.shape)


def _decode(whole: str, rows: Whole, numbers: Mapping[str, Any]) -> _Floats:
    if whole in ("signs", "bits"):
        return _look_up(_sums(numbers["basis"], whole), rows)
    if "table" in numbers:
        return _look_up(numbers["table"], rows)
    scaled: _Floats = rows.astype(np.float32) * numbers["scale"][:, None]
    return numbers["origin"][:, None] + scaled if whole == "index" else scaled


def _look_up(table: _Floats, rows: Whole) -> _Floats:
    return np.take_along_axis(np.broadcast_to(table, (len(rows), table.shape[1])), rows, axis=1)


def _sums(basis: _Floats, whole: str) -> _Floats:
    """All sums (R, 2^b) of a basis, term by term."""
    codes = (np.arange(2 ** basis.shape[1])[:, None] >> np.arange(basis.shape[1])) & 1
    factors = (2 * codes - 1 if whole == "signs" else codes).astype(np.float32)
    sums = np.zeros((len(basis), len(codes)), np.float32)
    for column, factor in zip(basis.T, factors.T, strict=True):
        sums = sums + column[:, None] * factor
    return sums


def _encode(rows: _Floats, basis: _Floats | None) -> dict[str, NDArray[Any]]:
    together, apart = [np.unique(rows)], [np.unique(row) for row in rows]
    for parts in _candidates(rows, basis, together, apart):
        if parts is not None:
            return parts
    return min((_as_table(rows, books) for books in (together, apart)), key=_stored_bits)


def _stored_bits(parts: dict[str, NDArray[Any]]) -> int:
    return stored_bits({name: torch.from_numpy(np.ascontiguousarray(part)) for name, part in parts.items()})


def _candidates(
    rows: _Floats, basis: _Floats | None, together: list[_Floats], apart: list[_Floats]
) -> Iterator[dict[str, NDArray[Any]] | None]:
    if basis is not None and basis.ndim == 2 and len(basis) in (1, len(rows)) and 1 <= basis.shape[1] <= 8:
        yield from (_as_basis(rows, basis, whole) for whole in ("signs", "bits"))
    for books in (together, apart):
        units = [common_unit(levels) for levels in books]
        yield _as_scaled(rows, books, units)
        yield _as_grid(rows, books, units)


def _as_basis(rows: _Floats, basis: _Floats, whole: str) -> dict[str, NDArray[Any]] | None:
    sums = _sums(basis, whole)
    order = sums.argsort(axis=1)
    codes = np.empty(rows.shape, np.int64)
    for index, row in enumerate(rows):
        own = index if len(basis) > 1 else 0
        place = np.searchsorted(sums[own], row, sorter=order[own]).clip(max=sums.shape[1] - 1)
        codes[index] = order[own][place]
    return {whole: narrow(codes), "basis": basis} if (_look_up(sums, codes) == rows).all() else None


def common_unit(levels: _Floats) -> tuple[float, Whole] | None:
    """The largest number of which all levels are whole multiples, at most 255, and the multiples."""
    if len(levels) > _MOST + 1:
        return None
    values = levels.astype(np.float64)
    if not values.any():
        return 1.0, np.zeros(len(levels), np.int64)
    smallest = np.abs(values[values != 0]).min()
    # For each whole number that the smallest level may be a multiple by: the unit that fits all levels best.
    multiples = np.rint(values * np.arange(1, _MOST + 1)[:, None] / smallest)
    units = (multiples @ values) / (multiples**2).sum(axis=1)
    off = np.abs(multiples * units[:, None] - values).max(axis=1)
    fits = (off <= _TOLERANCE * units * _MOST) & (np.abs(multiples).max(axis=1) <= _MOST)
    found = int(fits.argmax())
    return (float(units[found]), multiples[found].astype(np.int64)) if fits[found] else None


def _as_scaled(
    rows: _Floats, books: list[_Floats], units: list[tuple[float, Whole] | None]
) -> dict[str, NDArray[Any]] | None:
    scales, wholes = [], []
    for levels, unit in zip(books, units, strict=True):
        if unit is None:
            return None
        scale = next((s for s in _near(unit[0]) if (unit[1].astype(np.float32) * s == levels).all()), None)
        if scale is None:
            return None
        scales.append(scale)
        wholes.append(unit[1])
    return {"levels": narrow(_assign(rows, books, wholes)), "scale": np.array(scales, np.float32)}


def _as_grid(
    rows: _Floats, books: list[_Floats], units: list[tuple[float, Whole] | None]
) -> dict[str, NDArray[Any]] | None:
    found = [_grid(levels, unit) for levels, unit in zip(books, units, strict=True)]
    grids = [grid for grid in found if grid is not None]
    if len(grids) < len(found):
        return None
    origins, scales, wholes = zip(*grids, strict=True)
    index = narrow(_assign(rows, books, list(wholes)))
    return {"index": index, "scale": np.array(scales, np.float32), "origin": np.array(origins, np.float32)}


def _grid(levels: _Floats, unit: tuple[float, Whole] | None) -> tuple[np.float32, np.float32, Whole] | None:
    """Origin, scale and indices of 2^b levels from -c to c, whose half step is the unit."""
    if unit is None or (unit[1] % 2 == 0).any():
        return None
    half, odd = unit
    for steps in (2**bits - 1 for bits in range(1, 9) if 2**bits > np.abs(odd).max()):
        index = (odd + steps) // 2
        for bound in _near(half * steps):
            scale = (bound - -bound) / np.float32(steps)  # in float32, as a quantizer rounds it
            if (-bound + index.astype(np.float32) * scale == levels).all():
                return -bound, scale, index
    return None


def _near(value: float) -> _Floats:
    """The float32 nearest to `value`, and its neighbours, nearest first."""
    # The bits of a float32, read as an integer, are one more than those of the float32 below it.
    nearest = np.array([value], np.float32).view(np.int32)
    return (nearest + _NEIGHBOURS).view(np.float32)


def _as_table(rows: _Floats, books: list[_Floats]) -> dict[str, NDArray[Any]]:
    most = max(map(len, books))
    table = np.stack([np.pad(levels, (0, most - len(levels)), mode="edge") for levels in books])
    return {"index": narrow(_assign(rows, books, [np.arange(len(levels)) for levels in books])), "table": table}


def _assign(rows: _Floats, books: list[_Floats], wholes: list[Whole]) -> Whole:
    """The whole number (R, n) of each value's level."""
    if len(books) == 1:
        return wholes[0][np.searchsorted(books[0], rows)]
    parts = zip(rows, books, wholes, strict=True)
    return np.stack([whole[np.searchsorted(levels, row)] for row, levels, whole in parts])
