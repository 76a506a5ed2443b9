"""Spike tensors: `(T, N, *features)` with values in {0, 1}; their check, and exact counting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from snnbench.errors import FiringError
from snnbench.functional.tally import DeviceTally, Tally, tally_differing


def check_spikes(spikes: Tensor, layer: str) -> None:
    """Check that a tensor `(T, N, *features)` holds nothing but zeros and ones.

    Raises:
        FiringError: naming `layer`, if the tensor has fewer than two dimensions, is empty, or holds a value other
            than 0 and 1 (negative, fractional, above 1, NaN).
    """
    _tally(spikes, layer)


def count_per_step(spikes: Tensor, layer: str) -> Tensor:
    """Exact number of spikes of each neuron at each step: `(T, N, *features)` -> int64 `(T, *features)`."""
    return _tally(spikes, layer).each_step()


def count_spikes(spikes: Tensor, layer: str) -> Tensor:
    """Exact number of spikes of each neuron over all steps and samples: `(T, N, *features)` -> int64 `(*features)`."""
    return _tally(spikes, layer).neurons()[0].long()


def count_steps(spikes: Tensor, layer: str) -> Tensor:
    """Exact number of spikes of the whole layer at each step: `(T, N, *features)` -> int64 `(T,)`."""
    return _tally(spikes, layer).steps()[0]


def count_by_shard(
    spikes: Tensor, layer: str, first_sample: int, counts: Tensor, steps: Tensor, samples: Tensor
) -> None:
    """Add the spikes of samples `first_sample, first_sample + 1, ...` in place to per-shard counters.

    Sample i belongs to shard i mod K. The memory needed does not depend on the number of samples.

    Args:
        spikes: `(T, N, *features)`, values in {0, 1}, any dtype.
        layer: name of the layer, for error messages.
        first_sample: index of the batch's first sample in the data set.
        counts: int64 `(K, *features)`, spikes per shard and neuron.
        steps: int64 `(K, T)`, spikes of the whole layer per shard and step.
        samples: int64 `(K,)`, samples per shard.

    Raises:
        FiringError: if `spikes` are not spikes or do not fit the counters.
    """
    tally_by_shard(spikes, layer, first_sample, len(samples)).add_to(layer, counts, steps, samples)


@dataclass(frozen=True)
class ShardTally:
    """The spikes of a batch by shard, not yet added to any counter.

    Attributes:
        neurons: spikes of each group and neuron, integers `(G, *features)`; group g is of shard `(first + g) mod K`.
        totals: spikes of each group at each step, int64 `(G, T)`.
        sizes: samples of each group, int64 `(G,)`.
        first: shard of the batch's first sample.
    """

    neurons: Tensor
    totals: Tensor
    sizes: Tensor
    first: int

    @classmethod
    def over_time(cls, steps: Sequence[Self]) -> Self:
        """The tally of a batch from those of its steps, which follow each other."""
        neurons = torch.stack([step.neurons for step in steps]).sum(0) if len(steps) > 1 else steps[0].neurons
        return cls(neurons, torch.cat([step.totals for step in steps], 1), steps[0].sizes, steps[0].first)

    @property
    def features(self) -> tuple[int, ...]:
        """Shape of the layer's output for one sample and step."""
        return tuple(self.neurons.shape[1:])

    @property
    def samples(self) -> int:
        """N, the number of samples of the batch."""
        return int(self.sizes.sum())

    def check(self, layer: str, counts: Tensor, steps: Tensor) -> None:
        """Raise a FiringError if the counters of `layer` are of another T or other features."""
        if self.features != counts.shape[1:] or self.totals.shape[1] != steps.shape[1]:
            raise FiringError(
                f"layer {layer!r}: spikes of {self.totals.shape[1]} steps and features {self.features} came after "
                f"{steps.shape[1]} steps and features {tuple(counts.shape[1:])}; keep T and the input size fixed (and "
                "name a layer whose samples come before its steps with batch_first=True)"
            )

    def add_to(self, layer: str, counts: Tensor, steps: Tensor, samples: Tensor) -> None:
        """Add to the counters of `layer` in place; arguments and errors as in `count_by_shard`."""
        self.check(layer, counts, steps)
        first, shards = self.first, len(samples)
        # The groups follow each other from the first sample's shard on, and after the last shard from shard 0.
        for target, source in (
            (slice(first, None), slice(shards - first)),
            (slice(first), slice(shards - first, None)),
        ):
            for counter, added in ((counts, self.neurons), (steps, self.totals), (samples, self.sizes)):
                counter[target][: len(added[source])] += added[source]


def tally_by_shard(spikes: Tensor, layer: str, first_sample: int, shards: int) -> ShardTally:
    """Count a batch for `count_by_shard`; arguments and errors as there, for `shards` K."""
    _check_shape(spikes, layer)
    batch = spikes.shape[1]
    tally = _tally(spikes, layer, min(shards, batch))
    totals = tally.steps()
    sizes = torch.tensor([len(range(group, batch, shards)) for group in range(len(totals))], device=totals.device)
    return ShardTally(tally.neurons(), totals, sizes, first_sample % shards)


def count_differing(spikes: Tensor, reference_spikes: Tensor, layer: str) -> tuple[int, int]:
    """How often two spike tensors of one shape differ, and how often at least one of them is 1.

    Raises:
        FiringError: naming `layer`, if one of them is not a spike tensor.
    """
    _check_shape(spikes, layer)
    if spikes.device.type == reference_spikes.device.type == "cpu":
        counted = tally_differing(spikes, reference_spikes)
        if counted.binary:
            return counted.differing, counted.fired
    a, b = _ones(spikes, layer), _ones(reference_spikes, layer)
    return int((a ^ b).sum()), int((a | b).sum())


def _tally(spikes: Tensor, layer: str, groups: int = 1) -> Tally | DeviceTally:
    _check_shape(spikes, layer)
    tally = (Tally if spikes.device.type == "cpu" else DeviceTally)(spikes, groups)
    return tally if tally.binary else _tally(_ones(spikes, layer), layer, groups)


def _ones(spikes: Tensor, layer: str) -> Tensor:
    """Where spikes are 1, after checking value by value that they are 0 (or -0, whose bits are others) elsewhere."""
    ones = spikes == 1
    others = spikes[~ones & (spikes != 0)]
    if others.numel():
        raise FiringError(
            f"layer {layer!r}: spikes hold the value {others[0].item()!r}; spikes are 0 or 1, so pass the neurons' "
            "outputs (not membranes, currents, or sums of spikes)"
        )
    return ones


def _check_shape(spikes: Tensor, layer: str) -> None:
    if spikes.ndim < 2 or spikes.numel() == 0:
        raise FiringError(
            f"layer {layer!r}: spikes have shape {tuple(spikes.shape)}; "
            "pass a non-empty tensor (T, N, *features): time steps, samples, features of the layer"
        )
