"""Spike trains of matched neurons: how far apart they are in time, and when a neuron first fires."""

from __future__ import annotations

from math import exp

import torch
from torch import Tensor

from snnbench.errors import FiringError
from snnbench.functional.graded import BINARY, SpikeKind

TAU = 1.0
"""Time constant of the van Rossum kernel in time steps: spikes a step apart are told apart about half."""


def van_rossum_distances(
    spikes: Tensor, reference_spikes: Tensor, tau: float = TAU, layer: str = "spikes", kind: SpikeKind = BINARY
) -> Tensor:
    """Distance of each neuron's spike train from the reference's, float64 `(N, *features)`, at least 0.

    The trains are convolved with `exp(-t / tau)` for t >= 0, and their Euclidean distance is taken over continuous
    time, spikes lying at whole steps: `D^2 = sum_jk d_j d_k exp(-|j - k| / tau)` with d the difference of the trains.
    One spike against none is 1; n spikes at one step against none would be n.

    Args:
        spikes: `(T, N, *features)`, values in {0, 1}.
        reference_spikes: the same of the reference, of equal shape.
        tau: time constant in steps, above 0; small: trains must coincide, large: only counts matter.
        layer: name of the layer, for messages.
        kind: what the outputs mean; several spikes in a step count as often, negative ones with their sign.

    Raises:
        FiringError: naming the layer, if shapes differ, values are not spikes, or `tau` is not positive.

    Source: van Rossum 2001, A novel spike distance, Neural Computation 13 (normalised as elephant does, by 2 / tau).
    """
    check_tau(tau)
    if spikes.shape != reference_spikes.shape:
        raise FiringError(
            f"layer {layer!r}: spikes of shape {tuple(spikes.shape)} against {tuple(reference_spikes.shape)} in the "
            "reference; run both networks on the same samples for the same T"
        )
    mine, theirs = (kind.counts(each, layer).float() for each in (spikes, reference_spikes))
    change = (mine - theirs).flatten(1)
    squared = (change * (_kernel(len(spikes), tau).to(change) @ change)).sum(0)
    return squared.clamp(min=0).sqrt().double().reshape(spikes.shape[1:])


def van_rossum_distance(spikes: Tensor, reference_spikes: Tensor, tau: float = TAU, layer: str = "spikes") -> float:
    """Mean of `van_rossum_distances` over neurons and samples."""
    return float(van_rossum_distances(spikes, reference_spikes, tau, layer).mean())


def first_spikes(spikes: Tensor, layer: str = "spikes", kind: SpikeKind = BINARY) -> Tensor:
    """Step (1..T) at which each neuron first fires on each sample, int64 `(N, *features)`; 0 where it never does.

    Raises:
        FiringError: naming `layer`, if the tensor `(T, N, *features)` does not hold spikes.
    """
    fired = kind.counts(spikes, layer) != 0
    first = torch.zeros(fired.shape[1:], dtype=torch.int16, device=spikes.device)
    for step in range(len(fired), 0, -1):  # argmax over steps reads eight bytes a place: ten times as slow
        first = torch.where(fired[step - 1], step, first)
    return first.long()


def first_spike_latency(spikes: Tensor, layer: str = "spikes") -> float | None:
    """Mean step (1..T) of the first spike over the neurons and samples that fire at all; None if none does.

    Raises:
        FiringError: naming `layer`, if the tensor `(T, N, *features)` does not hold spikes.
    """
    first = first_spikes(spikes, layer)
    return float(first[first > 0].double().mean()) if bool((first > 0).any()) else None


def mean_shift(shifts: Tensor) -> float:
    """By how many steps neurons fire later than in the reference, over those that fire in both.

    Args:
        shifts: for each sample, the sum of (first step - the reference's first step) and the number of such neurons,
            `(N, 2)`, as `Pairing.latency_shifts` gives it.

    Raises:
        FiringError: if no neuron fires in both.
    """
    total, count = shifts.sum(0).tolist()
    if not count:
        raise FiringError("no neuron fires in both networks")
    return float(total / count)


def check_tau(tau: float) -> None:
    """Raise a FiringError unless `tau` is above 0."""
    if not tau > 0:
        raise FiringError(f"tau={tau} is not a time constant above 0, in steps")


def _kernel(timesteps: int, tau: float) -> Tensor:
    decay = [[exp(-abs(j - k) / tau) for k in range(timesteps)] for j in range(timesteps)]
    return torch.tensor(decay, dtype=torch.float64)
