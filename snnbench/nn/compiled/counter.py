"""Where the compiled engine counts spikes while it fires them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from snnbench.errors import FiringError
from snnbench.functional.profile import LayerFiring


class SpikeCounter:
    """Spikes of one layer per shard, neuron and step; sample i of those that are counted belongs to shard i mod K.

    Attributes:
        counted: whether the present batch was counted.
    """

    def __init__(self, layer: str, shards: int) -> None:
        self._layer, self._shards, self._first_sample = layer, shards, 0
        self._firing: LayerFiring | None = None
        self._before: LayerFiring | None = None
        self.counted = False

    def start_batch(self, first_sample: int) -> None:
        """The next batch begins with sample number `first_sample`."""
        self._first_sample, self.counted = first_sample, False

    def undo(self) -> None:
        """Take back what was added since `start_batch`."""
        if self.counted:
            self._firing, self._before, self.counted = self._before, None, False

    @torch.inference_mode(False)
    def add(self, features: Sequence[int], timesteps: int, samples: int) -> tuple[Tensor, Tensor, int, int]:
        """What a kernel adds a batch to: counts int32 (K, *positions, C), steps, the shards K, and the first sample.

        Raises:
            FiringError: if earlier batches had other features (C, *positions) or another number of steps.
        """
        if self._firing is None:
            counts = torch.zeros(self._shards, *features[1:], features[0], dtype=torch.int32)
            steps = torch.zeros(self._shards, timesteps, dtype=torch.int64)
            self._before = None
            self._firing = LayerFiring(counts.movedim(-1, 1), steps, torch.zeros(self._shards, dtype=torch.int64))
        elif not self.counted:
            self._keep(self._firing)
        firing = self._firing
        if firing.features != tuple(features) or firing.timesteps != timesteps:
            raise FiringError(
                f"layer {self._layer!r}: spikes of {timesteps} steps and features {tuple(features)} came after "
                f"{firing.timesteps} steps and features {firing.features}; keep T and the input size fixed"
            )
        shards = (self._first_sample + torch.arange(samples)) % self._shards
        firing.samples.add_(torch.bincount(shards, minlength=self._shards))
        self.counted = True
        return firing.counts, firing.steps, self._shards, self._first_sample

    def _keep(self, firing: LayerFiring) -> None:
        now = firing.counts, firing.steps, firing.samples
        if self._before is None:
            self._before = LayerFiring(*(tensor.clone() for tensor in now))
            return
        for kept, tensor in zip((self._before.counts, self._before.steps, self._before.samples), now, strict=True):
            kept.copy_(tensor)

    @torch.inference_mode(False)
    def take(self) -> LayerFiring | None:
        """The counts since the last call, if there are any."""
        firing, self._firing = self._firing, None
        return firing and LayerFiring(firing.counts.long().contiguous(), firing.steps, firing.samples)
