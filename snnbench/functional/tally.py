"""Counting spikes in one pass over memory: block by block, each compared, checked and added while it is in cache."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_BLOCK = 2**16  # elements that stay in a core's cache until they are added
_PARALLEL = 2**20  # elements from which threads are worth waking
_INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}

Counts = NDArray[np.integer]
Job = TypeVar("Job")
Result = TypeVar("Result")


class SpikeRows:
    """A spike tensor `(T, N, *features)` on the CPU, read as bit patterns `(T, N, M)`, features in memory's order.

    Args:
        spikes: of any dtype and memory format.
        order: of its dimensions, if it has to be that of another tensor; by default as they lie in memory.
    """

    def __init__(self, spikes: Tensor, order: tuple[int, ...] | None = None) -> None:
        self.order = order or (0, 1, *sorted(range(2, spikes.ndim), key=spikes.stride().__getitem__, reverse=True))
        rows = spikes.detach().permute(self.order)
        self.features = rows.shape[2:]
        integer = _INTEGERS[spikes.element_size()]
        self.bits = rows.reshape(*rows.shape[:2], self.features.numel()).view(integer).numpy()
        self.one = torch.ones((), dtype=spikes.dtype).view(integer).numpy()[()]

    def as_features(self, counts: Counts) -> Tensor:
        """Counts `(K, M)` as a tensor `(K, *features)`, features in the spike tensor's order."""
        ahead = [self.order.index(axis) - 1 for axis in range(2, len(self.order))]
        return torch.from_numpy(counts).view(-1, *self.features).permute(0, *ahead)


class Reader:
    """Reads blocks of at most `height` samples one after the other.

    Attributes:
        nonzero: number of values so far that are not 0. All of them are spikes if as many were 1.
    """

    def __init__(self, rows: SpikeRows, height: int) -> None:
        self._rows, self.nonzero = rows, 0
        self._fired = np.empty((min(height, rows.bits.shape[1]), rows.bits.shape[2]), bool)

    def fired(self, step: int, start: int, stop: int) -> NDArray[np.bool_]:
        """Where samples `start` to `stop` are 1 at a step: `(stop - start, M)`, valid until the next call."""
        block = np.ascontiguousarray(self._rows.bits[step, start:stop])
        fired = self._fired[: stop - start]
        self.nonzero += int(np.count_nonzero(block))
        np.equal(block, self._rows.one, out=fired)
        return fired


class Part(NamedTuple):
    """Spikes of some samples at one step: `(K, M)` by group of samples, and int64 `(K,)` of the whole layer."""

    step: int
    counts: Counts
    totals: NDArray[np.int64]
    nonzero: int


class Tally:
    """Spikes of a tensor, sample n being of group n mod K.

    Attributes:
        binary: whether the bits of every value are those of 0 or 1; only then do the counts mean anything.
    """

    def __init__(self, spikes: Tensor, groups: int) -> None:
        self._rows, (timesteps, samples), width = SpikeRows(spikes), spikes.shape[:2], spikes[0, 0].numel()
        self._shape = groups, timesteps
        height = max(1, _BLOCK // width)
        cycle = groups * max(1, min(height, samples) // groups)
        jobs = [
            (step, range(start, min(start + 255 * cycle, samples)))
            for step in range(timesteps)
            for start in range(0, samples, 255 * cycle)  # more would not fit bytes
        ]
        self._parts = in_threads(lambda job: self._count(*job, cycle, height), jobs, spikes.numel())
        self.binary = sum(part.nonzero for part in self._parts) == sum(int(part.totals.sum()) for part in self._parts)

    def neurons(self) -> Tensor:
        """Spikes of each group and neuron, integers `(K, *features)`."""
        narrow = len(self._parts) <= 128 and all(part.counts.dtype == np.uint8 for part in self._parts)
        total = np.zeros(self._parts[0].counts.shape, np.int16 if narrow else np.int64)
        for part in self._parts:
            np.add(total, part.counts, out=total)
        return self._rows.as_features(total)

    def steps(self) -> Tensor:
        """Spikes of each group at each step, int64 `(K, T)`."""
        total = torch.zeros(self._shape, dtype=torch.int64)
        for part in self._parts:
            total[:, part.step] += torch.from_numpy(part.totals)
        return total

    def each_step(self) -> Tensor:
        """Spikes of each neuron at each step, int64 `(T, *features)`."""
        total = np.zeros((self._shape[1], self._parts[0].counts.shape[1]), np.int64)
        for part in self._parts:
            total[part.step] += part.counts.sum(0, dtype=np.int64)
        return self._rows.as_features(total)

    def _count(self, step: int, samples: range, cycle: int, height: int) -> Part:
        reader, groups = Reader(self._rows, height), self._shape[0]
        total: Counts = np.zeros((cycle, self._rows.bits.shape[2]), np.uint8)
        for start, stop in blocks(samples, cycle, height):
            fired = reader.fired(step, start, stop)
            place = total[start % cycle :][: len(fired)]
            np.add(place, fired.view(np.uint8), out=place)
        if cycle > groups:
            total = total.reshape(-1, groups, total.shape[1]).sum(0, dtype=np.int64)
        return Part(step, total, total.sum(1, dtype=np.int64), reader.nonzero)


class DeviceTally:
    """The same of a tensor on a GPU, where reading it more than once costs little."""

    def __init__(self, spikes: Tensor, groups: int) -> None:
        fired = spikes == 1
        self.binary = torch.equal(fired, spikes != 0)
        self._counts = torch.stack([fired[:, group::groups].sum(1) for group in range(groups)])

    def neurons(self) -> Tensor:
        """Spikes of each group and neuron, int64 `(K, *features)`."""
        return self._counts.sum(1)

    def steps(self) -> Tensor:
        """Spikes of each group at each step, int64 `(K, T)`."""
        return self._counts.reshape(*self._counts.shape[:2], -1).sum(2)

    def each_step(self) -> Tensor:
        """Spikes of each neuron at each step, int64 `(T, *features)`."""
        return self._counts.sum(0)


class Differing(NamedTuple):
    """How often two tensors differ, how often at least one of them is 1, and whether both are binary."""

    differing: int
    fired: int
    binary: bool


def tally_differing(spikes: Tensor, reference_spikes: Tensor) -> Differing:
    """Compare two tensors of one shape on the CPU."""
    rows = SpikeRows(spikes)
    others = SpikeRows(reference_spikes, rows.order)
    height = max(1, _BLOCK // rows.bits.shape[2])

    def count(step: int) -> NDArray[np.int64]:
        mine, theirs, found = Reader(rows, height), Reader(others, height), np.zeros(3, np.int64)
        for start, stop in blocks(range(spikes.shape[1]), height, height):
            a, b = mine.fired(step, start, stop), theirs.fired(step, start, stop)
            found += [np.count_nonzero(each) for each in (a, b, a ^ b)]
        return np.array([*found, mine.nonzero, theirs.nonzero])

    steps = in_threads(count, range(len(spikes)), spikes.numel())
    ones, their_ones, differing, nonzero, their_nonzero = (int(total) for total in np.sum(steps, 0))
    return Differing(differing, (ones + their_ones + differing) // 2, (ones, their_ones) == (nonzero, their_nonzero))


def blocks(samples: range, cycle: int, height: int) -> list[tuple[int, int]]:
    """Start and end of blocks of at most `height` samples, none of which reaches into another cycle."""
    return [
        (start, min(start + height, first + cycle, samples.stop))
        for first in range(samples.start, samples.stop, cycle)
        for start in range(first, min(first + cycle, samples.stop), height)
    ]


def in_threads(work: Callable[[Job], Result], jobs: Sequence[Job], elements: int) -> list[Result]:
    """`work` on each job, by as many threads as torch uses; what they do on large arrays runs at the same time."""
    threads = min(torch.get_num_threads(), len(jobs))
    if threads == 1 or elements < _PARALLEL:
        return [work(job) for job in jobs]
    return list(_pool(os.getpid(), threads).map(work, jobs))


@lru_cache(maxsize=1)
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    """Threads of this process: a process that forked has none of its parent's."""
    return ThreadPoolExecutor(threads, thread_name_prefix="snnbench-count")
