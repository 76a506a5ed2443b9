"""Counting the spikes of a tensor by neuron, step and group of samples, by as many threads as torch has."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from snnbench.functional.blockwise import Blockwise
from snnbench.functional.kernels import Compiled, counting_library
from snnbench.functional.rows import Differing, SpikeRows
from snnbench.functional.threads import in_threads

_COMPILED = 2**16  # elements from which kernels are worth building


class Tally:
    """Spikes of a tensor, sample n being of group n mod K.

    Attributes:
        binary: whether the bits of every value are those of 0 or 1; only then do the counts mean anything.
    """

    def __init__(self, spikes: Tensor, groups: int) -> None:
        self._rows, (timesteps, samples) = SpikeRows(spikes), spikes.shape[:2]
        self._shape = groups, timesteps
        counter = _counter(self._rows, groups)
        jobs = [
            (step, range(start, min(start + counter.most, samples)))
            for step in range(timesteps)
            for start in range(0, samples, counter.most)
        ]
        self._parts = in_threads(lambda job: counter.count(*job), jobs, spikes.numel())
        self.binary = all(part.binary for part in self._parts)

    def neurons(self) -> Tensor:
        """Spikes of each group and neuron, integers `(K, *features)`."""
        # 128 parts of at most 255 each are the most that int16 holds.
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
        total = np.zeros((self._shape[1], self._rows.width), np.int64)
        for part in self._parts:
            total[part.step] += part.counts.sum(0, dtype=np.int64)
        return self._rows.as_features(total)


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


def tally_differing(spikes: Tensor, reference_spikes: Tensor) -> Differing:
    """Compare two tensors of one shape on the CPU."""
    rows = SpikeRows(spikes)
    others = SpikeRows(reference_spikes, rows.order)
    alike = others.gapless and spikes.dtype == reference_spikes.dtype
    counter = _counter(rows) if alike else Blockwise(rows)
    steps = in_threads(lambda step: counter.compare(others, step), range(len(spikes)), spikes.numel())
    differing, fired, binary = zip(*steps, strict=True)
    return Differing(sum(differing), sum(fired), all(binary))


def _counter(rows: SpikeRows, groups: int = 1) -> Compiled | Blockwise:
    if rows.gapless and rows.bits.size >= _COMPILED and (library := counting_library()):
        return Compiled(library, rows, groups)
    return Blockwise(rows, groups)
