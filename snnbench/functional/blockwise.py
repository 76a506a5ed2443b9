"""Counting rows of spikes with numpy, block by block, each compared, checked and added while it is in cache."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from snnbench.functional.rows import Counts, Differing, Part, SpikeRows

_BLOCK = 2**16  # elements that stay in a core's cache until they are added


class Reader:
    """Reads blocks of at most `height` samples one after the other.

    Attributes:
        nonzero: number of values so far that are not 0. All of them are spikes if as many were 1.
    """

    def __init__(self, rows: SpikeRows, height: int) -> None:
        self._rows, self.nonzero = rows, 0
        self._fired = np.empty((min(height, rows.bits.shape[1]), rows.width), bool)

    def fired(self, step: int, start: int, stop: int) -> NDArray[np.bool_]:
        """Where samples `start` to `stop` are 1 at a step: `(stop - start, M)`, valid until the next call."""
        block = np.ascontiguousarray(self._rows.bits[step, start:stop])
        fired = self._fired[: stop - start]
        self.nonzero += int(np.count_nonzero(block))
        np.equal(block, self._rows.one, out=fired)
        return fired


class Blockwise:
    """Counts samples of `rows`, sample n being of group n mod K.

    Attributes:
        most: number of samples that can be counted at once.
    """

    def __init__(self, rows: SpikeRows, groups: int = 1) -> None:
        self._rows, self._groups = rows, groups
        self._height = max(1, _BLOCK // rows.width)
        # Rows of a block add to as many rows of counts; a multiple of the groups, so that each row is of one group.
        self._cycle = groups * max(1, min(self._height, rows.bits.shape[1]) // groups)
        self.most = 255 * self._cycle  # more would not fit bytes

    def count(self, step: int, samples: range) -> Part:
        """Spikes of some samples, of which the first is of group 0, at a step."""
        reader = Reader(self._rows, self._height)
        total: Counts = np.zeros((self._cycle, self._rows.width), np.uint8)
        for start, stop in blocks(samples, self._cycle, self._height):
            fired = reader.fired(step, start, stop)
            place = total[start % self._cycle :][: len(fired)]
            np.add(place, fired.view(np.uint8), out=place)
        if self._cycle > self._groups:
            total = total.reshape(-1, self._groups, self._rows.width).sum(0, dtype=np.int64)
        totals = total.sum(1, dtype=np.int64)
        return Part(step, total, totals, reader.nonzero == int(totals.sum()))

    def compare(self, others: SpikeRows, step: int) -> Differing:
        """Compare a step of two networks on the same samples."""
        mine, theirs, found = Reader(self._rows, self._height), Reader(others, self._height), np.zeros(3, np.int64)
        samples = range(self._rows.bits.shape[1])
        for start, stop in blocks(samples, self._height, self._height):
            a, b = mine.fired(step, start, stop), theirs.fired(step, start, stop)
            found += [np.count_nonzero(each) for each in (a, b, a ^ b)]
        ones, their_ones, differing = map(int, found)
        binary = (ones, their_ones) == (mine.nonzero, theirs.nonzero)
        return Differing(differing, (ones + their_ones + differing) // 2, binary)


def blocks(samples: range, cycle: int, height: int) -> list[tuple[int, int]]:
    """Start and end of blocks of at most `height` samples, none of which reaches into another cycle."""
    return [
        (start, min(start + height, first + cycle, samples.stop))
        for first in range(samples.start, samples.stop, cycle)
        for start in range(first, min(first + cycle, samples.stop), height)
    ]
