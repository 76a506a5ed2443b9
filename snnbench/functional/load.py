"""Peak load: what the busiest layer and step ask of a chip, and the range that membranes needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, floor, isfinite

import torch
from torch import Tensor

from snnbench.errors import FiringError
from snnbench.functional.packed import PackedSpikes

_LARGE = 2**16  # elements from which kernels are worth building


@dataclass(frozen=True)
class PeakLoad:
    """Events of the busiest layer at the busiest step.

    Attributes:
        layer: the layer whose mean events an image and step are largest.
        step: its busiest step, 1..T.
        events: mean number of events an image there.
        p99: 99th percentile over images of the largest number of events in any layer and step.
        over_limit: fraction of images for which some layer and step exceed the limit; None without a limit.
    """

    layer: str
    step: int
    events: float
    p99: float
    over_limit: float | None


def events_by_step(spikes: Tensor) -> Tensor:
    """Events of a layer at each step and for each sample: `(T, N, *features)` -> `(T, N)`, spikes that are not 0."""
    if spikes.ndim < 2 or spikes.numel() == 0:
        raise FiringError(f"spikes have shape {tuple(spikes.shape)}; pass a non-empty tensor (T, N, *features)")
    packed = PackedSpikes.of(spikes) if spikes.numel() >= _LARGE else None
    if packed is not None:
        return packed.events
    return (spikes != 0).flatten(2).sum(2) if spikes.ndim > 2 else (spikes != 0).long()


def peak_load(events: Mapping[str, Tensor], limit: int | None = None) -> PeakLoad:
    """The busiest layer and step, and how often a chip's limit of events a layer and step would be exceeded.

    Args:
        events: layer -> events at each step and for each image, `(T, N)` (see `events_by_step`).
        limit: events that a layer may send in one step.

    Raises:
        FiringError: if there is no layer, or layers saw different numbers of images.
    """
    if not events or len({each.shape[1] for each in events.values()}) != 1:
        raise FiringError("peak load needs at least one layer, and all layers on the same images")
    return peak_of({name: each.double().mean(1) for name, each in events.items()}, highest_of(events), limit)


def peak_of(means: Mapping[str, Tensor], highest: Tensor, limit: int | None) -> PeakLoad:
    """`peak_load` of each layer's mean events at each step `(T,)` and of each image's `highest_of` `(N,)`."""
    layer = max(means, key=lambda name: float(means[name].max()))
    return PeakLoad(
        layer=layer,
        step=int(means[layer].argmax()) + 1,
        events=float(means[layer].max()),
        p99=float(highest.double().quantile(0.99)),
        over_limit=None if limit is None else float((highest > limit).double().mean()),
    )


def highest_of(events: Mapping[str, Tensor]) -> Tensor:
    """The most events of any layer and step for each image, `(N,)`, of each layer's `(T, N)`."""
    return torch.stack([each.amax(0) for each in events.values()]).amax(0)


def beyond_limit(events: Mapping[str, Tensor], limit: int | None) -> Tensor:
    """Whether some layer sends more than `limit` events in some step, for each image, bool (N,).

    Raises:
        FiringError: without a limit.
    """
    if limit is None:
        raise FiringError("no limit of events a layer and step was given")
    return highest_of(events) > limit


def state_bits(low: float, high: float, step: float) -> int:
    """Fewest bits of a two's complement integer in units of `step` that holds all of `[low, high]` without overflow.

    Values are rounded outward, so that none between `low` and `high` can fall outside.

    Raises:
        FiringError: unless `low <= high` are finite and `step` is above 0.
    """
    if not (isfinite(low) and isfinite(high) and low <= high and step > 0):
        raise FiringError(f"membranes from {low} to {high} in units of {step} have no range; run the network first")
    lowest, highest = floor(low / step), ceil(high / step)
    return 1 + max(max(highest, 0).bit_length(), max(-lowest - 1, 0).bit_length())
