"""Spike trains of a batch as codes, a bit a step: read from memory once, they tell all that is compared by spike."""

from __future__ import annotations

import functools
from ctypes import CDLL, c_int64, c_void_p
from dataclasses import dataclass
from itertools import pairwise
from math import exp
from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from snnbench.errors import FiringError
from snnbench.functional.memory import memory_order
from snnbench.functional.mismatch import Mismatch
from snnbench.functional.threads import in_threads
from snnbench.functional.trains import check_tau
from snnbench.native import library_or_none

SOURCE = Path(__file__).with_name("packed.cpp")
MOST_STEPS = 64


@dataclass(frozen=True)
class Compared:
    """What differs between two networks' trains of a layer, sample by sample.

    Attributes:
        distances: sum over neurons of the van Rossum distance, float64 (N,).
        shifts: sum over neurons that fire in both networks of (first step - the reference's), and their number,
            int64 (N, 2).
        mismatch: places that differ.
    """

    distances: Tensor
    shifts: Tensor
    mismatch: Mismatch


@dataclass(frozen=True)
class PackedSpikes:
    """The spikes of one layer on N samples.

    Attributes:
        codes: bit t is the spike at step t; uint8 for up to 8 steps, else int64; `(N, *features)`.
        events: spikes at each step and sample, int64 (T, N).
    """

    codes: Tensor
    events: Tensor

    @classmethod
    def of(cls, *parts: Tensor) -> Self | None:
        """Pack `(T, N, *features)`, whole or in parts that follow each other in time, in any layout of memory.

        None where that is not possible: on a GPU, above 64 steps, without a C++ compiler, for parts of different
        shapes, or for values other than 0 and 1.
        """
        library, shape = packing_library(), parts[0].shape[1:]
        if library is None or not all(part.numel() and part.shape[1:] == shape for part in parts):
            return None
        timesteps = sum(map(len, parts))
        if timesteps > MOST_STEPS or any(part.device.type != "cpu" for part in parts):
            return None
        order = memory_order(parts[0][0])
        rows = [step for part in parts for step in _rows(part, order)]
        samples, width = rows[0].shape
        codes = torch.zeros(samples, width, dtype=torch.uint8 if timesteps <= 8 else torch.int64)
        events = torch.empty(timesteps, samples, dtype=torch.int64)

        def pack(part: range) -> bool:
            size, first = codes.element_size(), part.start
            return all(
                library.pack_step(
                    *(size, row[first].data_ptr(), row.stride(0), len(part), width, step),
                    *(codes[first].data_ptr(), events[step, first:].data_ptr()),
                )
                for step, row in enumerate(rows)
            )

        if not all(in_threads(pack, _ranges(samples), timesteps * codes.numel())):
            return None
        ordered = codes.reshape(samples, *(shape[dim] for dim in order[1:]))
        return cls(ordered.permute(*(order.index(dim) for dim in range(len(order)))).contiguous(), events)

    def spikes(self) -> Tensor:
        """The spikes again, float32 `(T, N, *features)`."""
        return torch.stack([(self.codes >> step & 1).float() for step in range(len(self.events))])

    def count_by_shard(self, layer: str, first_sample: int, counts: Tensor, steps: Tensor, samples: Tensor) -> None:
        """Add to per-shard counters, as `snnbench.functional.spikes.count_by_shard` does.

        Raises:
            FiringError: if they are of another T or other features.
        """
        if self.codes.shape[1:] != counts.shape[1:] or len(self.events) != steps.shape[1]:
            raise FiringError(
                f"layer {layer!r}: spikes of {len(self.events)} steps and features {tuple(self.codes.shape[1:])} came "
                f"after {steps.shape[1]} steps and features {tuple(counts.shape[1:])}; keep T and the input size fixed"
            )
        shards = (first_sample + torch.arange(len(self.codes))) % len(samples)
        _library().count_codes(
            *(self.codes.element_size(), self.codes.data_ptr(), len(self.codes), self.codes[0].numel()),
            *(len(samples), first_sample % len(samples), counts.data_ptr()),
        )
        steps.index_add_(0, shards, self.events.T)
        samples.add_(torch.bincount(shards, minlength=len(samples)))

    def compare(self, reference: PackedSpikes, tau: float, layer: str = "spikes") -> Compared:
        """What differs from the reference's trains of the same samples; `tau` as in `van_rossum_distances`.

        Raises:
            FiringError: naming `layer`, if the reference has another shape or T, or `tau` is not above 0.
        """
        check_tau(tau)
        shapes = [(len(each.events), *each.codes.shape) for each in (self, reference)]
        if shapes[0] != shapes[1]:
            raise FiringError(
                f"layer {layer!r}: spikes of shape {shapes[0]} against {shapes[1]} in the reference; run both networks "
                "on the same samples for the same T"
            )
        samples, size = len(self.codes), self.codes.element_size()
        kernel = _kernel(len(self.events), tau)
        found = torch.zeros(samples, 5, dtype=torch.int64)

        def compare(part: range) -> None:
            mine, theirs = (each.codes[part.start].data_ptr() for each in (self, reference))
            width = self.codes[0].numel()
            _library().compare_codes(
                *(size, mine, theirs, len(part), width),
                *(kernel.data_ptr(), len(self.events), found[part.start].data_ptr()),
            )

        in_threads(compare, _ranges(samples), self.codes.numel() * len(self.events))
        differing, fired = found[:, 3:].sum(0).tolist()
        mismatch = Mismatch(differing, fired, self.codes.numel() * len(self.events))
        return Compared(found[:, 0].contiguous().view(torch.float64), found[:, 1:3].clone(), mismatch)


@functools.cache
def packing_library() -> CDLL | None:
    """The kernels, built on first use (a second) and kept in the cache; None where they cannot be built."""
    if (library := library_or_none(SOURCE)) is None:
        return None
    library.pack_step.argtypes = (c_int64, c_void_p, c_int64, c_int64, c_int64, c_int64, c_void_p, c_void_p)
    library.count_codes.argtypes = (c_int64, c_void_p, c_int64, c_int64, c_int64, c_int64, c_void_p)
    pairs = (c_void_p, c_void_p, c_int64, c_int64)
    library.compare_codes.argtypes = (c_int64, *pairs, c_void_p, c_int64, c_void_p)
    library.fill_distances.argtypes = (c_int64, c_void_p, c_void_p)
    library.pack_step.restype = c_int64
    library.count_codes.restype = library.compare_codes.restype = library.fill_distances.restype = None
    return library


@functools.lru_cache(maxsize=8)
def _kernel(timesteps: int, tau: float) -> Tensor:
    """What the kernel wants of `tau`: distances of all pairs of codes of a byte, else the decay after k steps."""
    decay = torch.tensor([exp(-steps / tau) for steps in range(MOST_STEPS)], dtype=torch.float64)
    if timesteps > 8:
        return decay
    table = torch.empty(1 << timesteps, 1 << timesteps, dtype=torch.float64)
    _library().fill_distances(timesteps, decay.data_ptr(), table.data_ptr())
    return table


def _library() -> CDLL:
    library = packing_library()
    assert library is not None, "codes come from the library"
    return library


def _rows(part: Tensor, order: tuple[int, ...]) -> Tensor:
    """Steps (T, N, *features) as float32 (T, N, M), features in the `order` in which they mostly lie in memory."""
    rows = part.detach().float().permute(0, *(dim + 1 for dim in order)).reshape(*part.shape[:2], -1)
    return rows if rows.shape[2] == 1 or rows.stride(2) == 1 else rows.contiguous()


def _ranges(samples: int, parts: int = 16) -> list[range]:
    ends = [samples * part // parts for part in range(parts + 1)]
    return [range(start, stop) for start, stop in pairwise(ends) if stop > start]
