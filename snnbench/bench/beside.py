"""Running a network of whole numbers beside the same network with float states, image by image."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from snnbench.chips.network import IntegerNetwork
from snnbench.functional import FiringProfile, LayerFiring
from snnbench.functional.profile import SHARDS
from snnbench.functional.spikes import count_by_shard
from snnbench.nn.hooks import told_of_calls
from snnbench.nn.recording import spiking_layers
from snnbench.records.chip_evidence import ChipLayerCounts, ChipOutcome


class GapCounter:
    """What a network of whole numbers does, and where its spikes are not those of floats, batch by batch."""

    def __init__(self, network: IntegerNetwork) -> None:
        self._network = network
        self._firing: dict[str, LayerFiring] = {}
        self._differing: dict[str, LayerFiring] = {}
        self._several: dict[str, Tensor] = {}
        self._predictions: list[Tensor] = []
        self._images = 0

    def run(self, images: Tensor, fired: dict[str, Tensor]) -> None:
        """Run normalised `images` (N, *shape); layers with float states `fired`, bool (T, N, *features)."""
        self._network.watch = lambda name, whole: self.add(name, whole, fired[name])
        self._predictions.append(self._network(images).argmax(1))
        self._images += len(images)

    def add(self, name: str, whole: Tensor, fired: Tensor) -> None:
        """A batch of one layer: its spikes (T, N, *features), and where it fires with float states."""
        on_chip = whole > 0
        if name not in self._firing:
            sizes = whole.shape[2:], len(whole)
            self._firing[name], self._differing[name] = LayerFiring.empty(*sizes), LayerFiring.empty(*sizes)
            self._several[name] = torch.zeros(SHARDS, dtype=torch.int64)
        for spikes, into in ((on_chip, self._firing[name]), (on_chip ^ fired, self._differing[name])):
            count_by_shard(spikes.view(torch.uint8), name, self._images, into.counts, into.steps, into.samples)
        if int(whole.max()) > 1:
            several = (whole > 1).transpose(0, 1).flatten(1).sum(1)
            self._several[name] += _by_shard(several, self._images)

    def outcome(self) -> ChipOutcome:
        """All batches so far."""
        counts = {
            name: ChipLayerCounts(layer.steps, _by_shard(self._network.overflows[name], 0), self._several[name])
            for name, layer in self._differing.items()
        }
        profile = FiringProfile(self._firing)
        return ChipOutcome(torch.cat(self._predictions), profile, profile.samples_per_shard, counts)


def _by_shard(counts: Tensor, first: int) -> Tensor:
    """Counts of images from the `first` on, int64 (N,), by shard (K,)."""
    shards = (first + torch.arange(len(counts))) % SHARDS
    return torch.zeros(SHARDS, dtype=torch.int64).index_add_(0, shards, counts)


@contextmanager
def compared(comparison: GapCounter, model: nn.Module) -> Iterator[None]:
    """Run the whole numbers on every batch that `model` runs on."""
    fired: dict[str, Tensor] = {}

    def note(name: str, inputs: Any, spikes: Tensor) -> None:
        fired[name] = (spikes > 0).cpu()

    def run(name: str, inputs: tuple[Tensor, ...], output: Any) -> None:
        comparison.run(inputs[0].cpu(), fired)

    with told_of_calls(spiking_layers(model), note), told_of_calls({"": model}, run):
        yield
