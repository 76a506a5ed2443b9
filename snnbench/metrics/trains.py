"""Metrics of spike trains in time: van Rossum distance, and the load of the busiest layer and step."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torchmetrics.utilities import dim_zero_cat

from snnbench.functional.layers import Layers
from snnbench.functional.load import PeakLoad, events_by_step, highest_of, peak_of
from snnbench.functional.trains import TAU, van_rossum_distances
from snnbench.metrics.base import LayerCounts
from snnbench.metrics.batch import same_batch, same_shapes
from snnbench.metrics.mean import SampleMean


class VanRossumDistance(SampleMean):
    """Mean van Rossum distance of matched neurons' spike trains on the same samples, at least 0.

    `snnbench.functional.van_rossum_distance` over all layers, neurons and batches.

    Args:
        tau: time constant in steps.
        kwargs: of `torchmetrics.Metric`.
    """

    plot_upper_bound: float | None = None

    def __init__(self, tau: float = TAU, **kwargs: Any) -> None:
        super().__init__(tau, **kwargs)
        self.tau = tau

    def update(self, spikes: Layers, reference_spikes: Layers) -> None:
        """Add a batch of spikes `(T, N, *features)` of both networks, or dicts of them by layer."""
        layers, _, _ = same_batch(spikes)
        reference = same_shapes(layers, reference_spikes)
        found = [van_rossum_distances(mine, reference[name], self.tau, name) for name, mine in layers.items()]
        self._add(torch.cat([each.flatten() for each in found]))


class PeakEvents(LayerCounts):
    """Events of the busiest layer and step an image, and how often a chip's limit is passed.

    `snnbench.functional.peak_load` over all batches; keeps one number a sample.

    Args:
        limit: events that a layer may send in one step, or None.
        kwargs: of `torchmetrics.Metric`.
    """

    plot_upper_bound: float | None = None
    highest: list[Tensor]

    def __init__(self, limit: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.limit = limit
        self.add_state("highest", [], dist_reduce_fx="cat")

    def update(self, spikes: Layers) -> None:
        """Add a batch of spikes `(T, N, *features)`, or a dict of them by layer."""
        self._add(self._count(spikes))

    def peak(self) -> PeakLoad:
        """The busiest layer and step, by name.

        Raises:
            FiringError: if there was no batch.
        """
        means = {name: events.double() / self.samples for name, events in self.layers("events").items()}
        return peak_of(means, dim_zero_cat(self.highest), self.limit)

    def compute(self) -> dict[str, Tensor]:
        """`peak_events`, `peak_events_p99`, and with a limit `over_limit`; a FiringError if there was no batch."""
        found = self.peak()
        values = {"peak_events": found.events, "peak_events_p99": found.p99, "over_limit": found.over_limit}
        return {name: self._scalar(value) for name, value in values.items() if value is not None}

    def _count(self, spikes: Layers) -> dict[str, Tensor | int]:
        layers, timesteps, samples = same_batch(spikes)
        events = {name: events_by_step(each) for name, each in layers.items()}
        sums: dict[str, Tensor | int] = {f"events/{name}": each.sum(1) for name, each in events.items()}
        return sums | {"samples": samples, "timesteps": timesteps, "highest": highest_of(events).double()}
