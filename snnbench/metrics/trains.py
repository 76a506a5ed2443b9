"""Metrics of spike trains in time: van Rossum distance, and the load of the busiest layer and step."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torchmetrics.utilities import dim_zero_cat

from snnbench.errors import FiringError
from snnbench.functional.layers import Layers
from snnbench.functional.load import PeakLoad, events_by_step, peak_load
from snnbench.functional.trains import TAU, van_rossum_distances
from snnbench.metrics.base import BehaviourMetric
from snnbench.metrics.batch import same_batch, same_shapes


class VanRossumDistance(BehaviourMetric):
    """Mean van Rossum distance of matched neurons' spike trains on the same samples, at least 0.

    `snnbench.functional.van_rossum_distance` over all layers, neurons and batches.

    Args:
        tau: time constant in steps.
        kwargs: of `torchmetrics.Metric`.
    """

    plot_upper_bound: float | None = None
    distance: Tensor
    trains: Tensor

    def __init__(self, tau: float = TAU, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tau = tau
        self.add_state("distance", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("trains", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, spikes: Layers, reference_spikes: Layers) -> None:
        """Add a batch of spikes `(T, N, *features)` of both networks, or dicts of them by layer."""
        layers, _, _ = same_batch(spikes)
        reference = same_shapes(layers, reference_spikes)
        found = [van_rossum_distances(mine, reference[name], self.tau, name) for name, mine in layers.items()]
        self.distance += torch.stack([each.sum() for each in found]).sum().to(self.device)
        self.trains += sum(each.numel() for each in found)

    def compute(self) -> Tensor:
        """Mean over all trains, float64; a FiringError if there was no batch."""
        if self.trains == 0:
            raise FiringError("VanRossumDistance has counted no spikes; call update(spikes, ...) before compute()")
        return self.distance / self.trains


class PeakEvents(BehaviourMetric):
    """Events of the busiest layer and step an image, and how often a chip's limit is passed.

    `snnbench.functional.peak_load` over all batches; keeps T numbers a layer and sample.

    Args:
        limit: events that a layer may send in one step, or None.
        kwargs: of `torchmetrics.Metric`.
    """

    plot_upper_bound: float | None = None
    events: list[Tensor]

    def __init__(self, limit: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.limit = limit
        self.add_state("events", [], dist_reduce_fx="cat")
        self._names: tuple[str, ...] = ()

    def update(self, spikes: Layers) -> None:
        """Add a batch of spikes `(T, N, *features)`, or a dict of them by layer."""
        layers, _, _ = same_batch(spikes)
        if self._names and tuple(layers) != self._names:
            raise FiringError(f"layers {list(layers)} came after {list(self._names)}; keep them fixed")
        self._names = tuple(layers)
        self.events.append(torch.stack([events_by_step(each).T for each in layers.values()], 1).to(self.device))

    def peak(self) -> PeakLoad:
        """The busiest layer and step, by name.

        Raises:
            FiringError: if there was no batch.
        """
        if not len(self.events):
            raise FiringError("PeakEvents has counted no spikes; call update(spikes) before compute()")
        whole = dim_zero_cat(self.events)
        return peak_load({name: whole[:, index].T for index, name in enumerate(self._names)}, self.limit)

    def compute(self) -> dict[str, Tensor]:
        """`peak_events`, `peak_events_p99`, and with a limit `over_limit`; a FiringError if there was no batch."""
        found = self.peak()
        values = {"peak_events": found.events, "peak_events_p99": found.p99, "over_limit": found.over_limit}
        return {name: torch.tensor(value, dtype=torch.float64) for name, value in values.items() if value is not None}
