"""The nearest of a few sorted levels for each value of a tensor."""

from __future__ import annotations

import functools
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
    bits = levels.shape[1].bit_length() - 1
    plain = rows.dtype == levels.dtype == torch.float32 and rows.device.type == levels.device.type == "cpu"
    searched = len(rows) == 1 and rows.numel() >= _LARGE and levels.shape[1] == 2**bits and 1 <= bits <= _MOST_BITS
    library = nearest_library() if plain and searched else None
    if library is None:
        return levels.gather(1, encode(rows, levels))
    rows, levels, between = rows.contiguous(), levels.contiguous(), thresholds(levels)
    found = torch.empty_like(rows)
    pointers = (tensor.data_ptr() for tensor in (between, levels, found))
    library.nearest_levels(rows.data_ptr(), rows.numel(), bits, *pointers, torch.get_num_threads())
    return found


@functools.cache
def nearest_library() -> CDLL | None:
    """The kernel, built on first use (a second) and kept in the cache; None where it cannot be built."""
    if (library := library_or_none(SOURCE)) is None:
        return None
    library.nearest_levels.argtypes = (c_void_p, c_int64, c_int64, c_void_p, c_void_p, c_void_p, c_int64)
    library.nearest_levels.restype = None
    return library
