"""The nearest of a few sorted levels for each value of a tensor."""

from __future__ import annotations

import functools
from collections.abc import Callable
from ctypes import CDLL, c_int64, c_void_p
from pathlib import Path

import torch
from torch import Tensor

from snnbench.native import library_or_none

SOURCE = Path(__file__).with_name("nearest.cpp")
_LARGE = 2**14  # values from which the kernel pays for its call
_MOST_BITS = 8


def thresholds(levels: Tensor) -> Tensor:
    """Half-way points (R, K - 1) of the sorted `levels` (R, K)."""
    return ((levels[:, 1:] + levels[:, :-1]) / 2).contiguous()


def encode(rows: Tensor, levels: Tensor) -> Tensor:
    """Index (R, n) of the nearest of the sorted `levels` (R, K) for each of `rows` (R, n); ties go down."""
    index: Tensor = torch.searchsorted(thresholds(levels), rows.contiguous())
    return index


def nearest(rows: Tensor, levels: Tensor) -> Tensor:
    """The nearest of the sorted `levels` (R, K) for each of `rows` (R, n): what `encode` points at, to the bit."""
    if (library := _library_for(rows, levels)) is None:
        return levels.gather(1, encode(rows, levels))
    return _by_kernel(library.nearest_levels, rows, levels)


def tally(rows: Tensor, levels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What `nearest` gives; how many of `rows` take each level, and their sums, both (R, K) float64."""
    counts = torch.zeros(levels.shape, dtype=torch.float64, device=rows.device)
    sums = torch.zeros_like(counts)
    if (library := _library_for(rows, levels)) is not None:
        return _by_kernel(library.tally_levels, rows, levels, counts, sums), counts, sums
    index, values = encode(rows, levels), rows.double()
    counts.scatter_add_(1, index, torch.ones_like(values))
    return levels.gather(1, index), counts, sums.scatter_add_(1, index, values)


def _library_for(rows: Tensor, levels: Tensor) -> CDLL | None:
    bits = levels.shape[1].bit_length() - 1
    plain = rows.dtype == levels.dtype == torch.float32 and rows.device.type == levels.device.type == "cpu"
    searched = len(rows) == 1 and rows.numel() >= _LARGE and levels.shape[1] == 2**bits and 1 <= bits <= _MOST_BITS
    return nearest_library() if plain and searched else None


def _by_kernel(kernel: Callable[..., None], rows: Tensor, levels: Tensor, *totals: Tensor) -> Tensor:
    rows, levels, between = rows.contiguous(), levels.contiguous(), thresholds(levels)
    found, bits = torch.empty_like(rows), levels.shape[1].bit_length() - 1
    pointers = (tensor.data_ptr() for tensor in (between, levels, found, *totals))
    kernel(rows.data_ptr(), rows.numel(), bits, *pointers, torch.get_num_threads())
    return found


@functools.cache
def nearest_library() -> CDLL | None:
    """The kernels, built on first use (a second) and kept in the cache; None where they cannot be built."""
    if (library := library_or_none(SOURCE)) is None:
        return None
    for kernel, results in ((library.nearest_levels, 1), (library.tally_levels, 3)):
        kernel.argtypes = (c_void_p, c_int64, c_int64, c_void_p, c_void_p, *[c_void_p] * results, c_int64)
        kernel.restype = None
    return library
