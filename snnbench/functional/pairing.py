"""Two networks on the same samples, spike by spike: what of it has to be seen while both run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from snnbench.errors import FiringError
from snnbench.functional.graded import BINARY, SpikeKind
from snnbench.functional.layers import check_same_layers
from snnbench.functional.mismatch import Mismatch, count_mismatch
from snnbench.functional.packed import Compared, PackedSpikes
from snnbench.functional.trains import TAU, first_spikes, van_rossum_distances


@dataclass
class Pairing:
    """Differences of spikes between a network and its reference, batch by batch.

    Attributes:
        tau: time constant of the van Rossum distance in steps.
        kinds: what the outputs of a layer mean, where they are not 0 and 1.
        mismatches: layer -> places that differ.
    """

    tau: float = TAU
    kinds: Mapping[str, SpikeKind] = field(default_factory=dict)
    mismatches: dict[str, Mismatch] = field(default_factory=dict)
    _distances: dict[str, list[Tensor]] = field(default_factory=dict)
    _shifts: dict[str, list[Tensor]] = field(default_factory=dict)

    def add(self, spikes: Mapping[str, Tensor | PackedSpikes], reference: Mapping[str, Tensor | PackedSpikes]) -> None:
        """Compare a batch of both networks, layer -> packed spikes, or (T, N, *features)."""
        check_same_layers(spikes, reference)
        for name, mine in spikes.items():
            found = _compared(mine, reference[name], name, self.tau, self.kinds.get(name, BINARY))
            self.mismatches[name] = _plus(self.mismatches.get(name, Mismatch(0, 0, 0)), found.mismatch)
            self._distances.setdefault(name, []).append(found.distances)
            self._shifts.setdefault(name, []).append(found.shifts)

    def distances(self) -> dict[str, Tensor]:
        """Van Rossum distance of each sample, summed over the layer's neurons: layer -> float64 (N,)."""
        return {name: torch.cat(parts) for name, parts in self._distances.items()}

    def latency_shifts(self) -> dict[str, Tensor]:
        """For each sample, the sum over neurons that fire in both networks of (first step - the reference's first
        step), and their number: layer -> int64 (N, 2)."""
        return {name: torch.cat(parts) for name, parts in self._shifts.items()}


def _compared(
    mine: Tensor | PackedSpikes, theirs: Tensor | PackedSpikes, layer: str, tau: float, kind: SpikeKind
) -> Compared:
    if isinstance(mine, PackedSpikes) and isinstance(theirs, PackedSpikes):
        return mine.compare(theirs, tau, layer)
    if not (isinstance(mine, Tensor) and isinstance(theirs, Tensor)):
        raise FiringError(f"layer {layer!r}: the two networks fire differently; run both on one device and for one T")
    distances = van_rossum_distances(mine, theirs, tau, layer, kind).flatten(1).sum(1).cpu()
    mismatch = count_mismatch(mine, theirs, layer) if kind.is_binary else _mismatch(mine, theirs)
    return Compared(distances, _latency_shift(mine, theirs, layer, kind).cpu(), mismatch)


def _plus(a: Mismatch, b: Mismatch) -> Mismatch:
    return Mismatch(a.differing + b.differing, a.fired + b.fired, a.places + b.places)


def _mismatch(spikes: Tensor, reference: Tensor) -> Mismatch:
    fired = (spikes != 0) | (reference != 0)
    return Mismatch(int((spikes != reference).sum()), int(fired.sum()), spikes.numel())


def _latency_shift(spikes: Tensor, reference: Tensor, layer: str, kind: SpikeKind) -> Tensor:
    mine, theirs = (first_spikes(each, layer, kind).flatten(1) for each in (spikes, reference))
    both = (mine > 0) & (theirs > 0)
    return torch.stack([((mine - theirs) * both).sum(1), both.sum(1)], 1)
