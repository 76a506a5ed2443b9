"""Smallest and largest value of a large tensor, as fast as memory is read."""

from __future__ import annotations

import functools
from ctypes import CDLL, c_int64, c_void_p
from math import nan
from pathlib import Path

import torch
from torch import Tensor

from snnbench.functional.memory import as_it_lies
from snnbench.native import library_or_none

SOURCE = Path(__file__).with_name("extremes.cpp")
_LARGE = 2**14  # values from which the kernel pays for its call
_INFINITY = 0x7F800000


def extremes(values: Tensor) -> tuple[float, float]:
    """Smallest and largest of `values`, at least one; both are NaN if one value is, as `torch.aminmax` has it."""
    lying = as_it_lies(values.detach())
    plain = lying.is_contiguous() and lying.device.type == "cpu" and lying.dtype == torch.float32
    library = extremes_library() if plain and lying.numel() >= _LARGE else None
    if library is None:
        low, high = torch.aminmax(values.detach())
        return float(low), float(high)
    found = torch.empty(2, dtype=torch.int32)
    library.find_extremes(lying.data_ptr(), lying.numel(), found.data_ptr())
    if found[0] < -_INFINITY - 1 or found[1] > _INFINITY:
        return nan, nan
    low, high = torch.where(found < 0, found ^ 0x7FFFFFFF, found).view(torch.float32).tolist()
    return low, high


@functools.cache
def extremes_library() -> CDLL | None:
    """The kernel, built on first use (a second) and kept in the cache; None where it cannot be built."""
    if (library := library_or_none(SOURCE)) is None:
        return None
    library.find_extremes.argtypes = (c_void_p, c_int64, c_void_p)
    library.find_extremes.restype = None
    return library
