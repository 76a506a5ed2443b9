"""The distance between two networks of which one keeps its own counts of some shards, and of others the other's."""

from __future__ import annotations

import functools
from ctypes import CDLL, c_int64, c_void_p
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snnbench.functional.profile import LayerFiring
from snnbench.functional.threads import in_threads
from snnbench.native import library_or_none

Kept = NDArray[np.float64]
"""(groupings, shards): the part of a shard's difference that the network keeps; 1 its own counts, 0 the other's."""

Areas = NDArray[np.float64]

_SOURCE = Path(__file__).with_name("regrouping.cpp")
_SOME = 40  # groupings at a time, each with a histogram of its own
_FINE = 2**14
_LARGEST = 2**22  # float32 holds larger counts, but sorting is faster than histograms of more values


@dataclass(frozen=True)
class LayerPair:
    """The units of a layer that fire differently in any shard: their counts in the reference and in both networks
    together (units,), and how many more the network has in each shard (shards, units)."""

    reference: NDArray[np.int64]
    totals: NDArray[np.int64]
    more: NDArray[np.int64]

    @classmethod
    def of(cls, network: LayerFiring, reference: LayerFiring) -> LayerPair:
        """The pair, ordered by totals: the kernel then counts into one small part of a histogram after the other."""
        mine, theirs = (_by_shard(layer) for layer in (network, reference))
        more = mine - theirs
        differing = more.any(0)
        more, counts = more[:, differing], theirs[:, differing].sum(0)
        totals = 2 * counts + more.sum(0)
        order = totals.argsort()
        return cls(counts[order], totals[order], more[:, order])

    def areas(self, kept: Kept) -> Areas:
        """Sum over units of the distances between both networks' sorted counts, (groupings,).

        Exact where shards are kept in whole; parts of counts are rounded to the `_FINE`-th part of the largest count.
        """
        if not len(self.totals):
            return np.zeros(len(kept))
        below, largest = self._below(kept), int(self.totals.max())
        scale = max(1, _FINE // largest) if below else 1
        values = scale * (largest + 2 * below) + 1
        library = regrouping_library() if values < _LARGEST else None
        parts = [kept[start : start + _SOME] for start in range(0, len(kept), _SOME)]
        if library is None:
            return np.concatenate([self.sorted_areas(part) for part in parts])
        arrays = (
            (scale * self.totals).astype(np.int32),
            *(_floats(scale * each) for each in (self.reference, self.more)),
        )
        work = functools.partial(_kernel_areas, library, arrays, values, scale * below)
        return np.concatenate(in_threads(work, parts, kept.size * len(self.totals))) / scale

    def sorted_areas(self, kept: Kept) -> Areas:
        """The same by sorting, without any rounding."""
        counts = self.reference + kept @ self.more
        areas: Areas = np.abs(np.sort(counts, axis=1) - np.sort(self.totals - counts, axis=1)).sum(axis=1)
        return areas

    def _below(self, kept: Kept) -> int:
        """How far below 0 a count may come: nowhere, where shards stay whole."""
        most = float(np.abs(kept - 0.5).max())
        if most <= 0.5:
            return 0
        return ceil(most * int(np.abs(self.more).sum(0).max())) + 1


def _by_shard(layer: LayerFiring) -> NDArray[np.int64]:
    counts: NDArray[np.int64] = (
        layer.counts.flatten(1).cpu().numpy() if layer.features else layer.counts[:, None].numpy()
    )
    return counts


def _floats(counts: NDArray[np.int64]) -> NDArray[np.float32]:
    return np.ascontiguousarray(counts, np.float32)


def _kernel_areas(library: CDLL, arrays: tuple[Any, ...], values: int, below: int, kept: Kept) -> NDArray[np.int64]:
    shards, units = arrays[2].shape
    parts, areas = np.ascontiguousarray(kept, np.float32), np.zeros(len(kept), np.int64)
    histograms = np.zeros((len(kept), values), np.int32)
    library.regrouped_areas(
        *(units, shards, *(array.ctypes.data for array in arrays)),
        *(len(kept), parts.ctypes.data, values, below, histograms.ctypes.data, areas.ctypes.data),
    )
    return areas


@functools.cache
def regrouping_library() -> CDLL | None:
    """The kernel, built on first use (a second) and kept in the cache; None where it cannot be built."""
    if (library := library_or_none(_SOURCE)) is None:
        return None
    whole, place = c_int64, c_void_p
    library.regrouped_areas.argtypes = (
        *(whole, whole, place, place, place),
        *(whole, place, whole, whole, place, place),
    )
    library.regrouped_areas.restype = None
    return library
