"""Spike tensors as rows of bit patterns, and what counting some of the rows gives."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}

Counts = NDArray[np.integer]


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

    @property
    def width(self) -> int:
        """M, the number of features."""
        return self.features.numel()

    @property
    def gapless(self) -> bool:
        """Whether the values of a row follow each other in memory."""
        return self.width == 1 or self.bits.strides[2] == self.bits.itemsize

    def as_features(self, counts: Counts) -> Tensor:
        """Counts `(K, M)` as a tensor `(K, *features)`, features in the spike tensor's order."""
        ahead = [self.order.index(axis) - 1 for axis in range(2, len(self.order))]
        return torch.from_numpy(counts).view(-1, *self.features).permute(0, *ahead)


class Part(NamedTuple):
    """Spikes of some samples at one step: `(K, M)` by group of samples, and int64 `(K,)` of the whole layer.

    `binary` is whether every value was 0 or 1; only then do the counts mean anything.
    """

    step: int
    counts: Counts
    totals: NDArray[np.int64]
    binary: bool


class Differing(NamedTuple):
    """How often two tensors differ, how often at least one of them is 1, and whether both are binary."""

    differing: int
    fired: int
    binary: bool
