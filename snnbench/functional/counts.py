"""Exact distances from integer spike counts: no rounding and no sort, and so fast enough for every layer and shard.

A rate is a count divided by its number of trials, so the rates of a layer lie on the lattice `k / trials`. Their
distribution functions are cumulative histograms, and everything up to the last division is integer arithmetic.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import lcm
from typing import TypeAlias, overload

import torch
from torch import Tensor

from snnbench.errors import FiringError
from snnbench.functional.layers import (
    REDUCTIONS,
    Layers,
    Reduction,
    Scalar,
    Units,
    as_layers,
    check_choice,
    check_matched,
    check_units,
    pair_layers,
    reduce_fractions,
)
from snnbench.functional.threads import in_threads

Trials: TypeAlias = int | Mapping[str, int]
"""Largest possible count of a unit (N T; times the neurons of a channel for channels), for all layers or by layer."""

_Pairs: TypeAlias = dict[str, tuple[Tensor, Tensor]]
_Sizes: TypeAlias = tuple[dict[str, int], dict[str, int]]
_LATTICE_PER_UNIT = 8  # a histogram pays off while the lattice is not much larger than the layer
_SMALL_LATTICE = 2**17


@overload
def emd_from_counts(
    counts: Layers,
    reference_counts: Layers,
    trials: Trials,
    reference_trials: Trials | None = None,
    reduction: Scalar = "weighted",
) -> float: ...
@overload
def emd_from_counts(
    counts: Layers,
    reference_counts: Layers,
    trials: Trials,
    reference_trials: Trials | None,
    reduction: Reduction,
) -> float | dict[str, float]: ...
def emd_from_counts(
    counts: Layers,
    reference_counts: Layers,
    trials: Trials,
    reference_trials: Trials | None = None,
    reduction: Reduction = "weighted",
) -> float | dict[str, float]:
    """`firing_emd` of the rates `counts / trials`, exact: the nearest float64 to the true rational number.

    Args:
        counts: spikes of each unit, int64 in 0..trials: a tensor, or layer name -> tensor.
        reference_counts: the same for the reference; a layer may have another number of units.
        trials: largest possible count of a unit: N T for neurons, N T times a channel's neurons for channels.
        reference_trials: the same for the reference; by default `trials`.
        reduction: over layers, as in `firing_emd`.

    Raises:
        FiringError: naming the layer, if layers differ or a count lies outside 0..trials.
    """
    pairs, sizes = _paired(counts, reference_counts, trials, reference_trials, reduction)
    if reduction == "pooled":
        pairs, sizes = _pooled(pairs, sizes)
    values = {name: _emd(name, a, b, sizes[0][name], sizes[1][name]) for name, (a, b) in pairs.items()}
    return reduced(values, {name: b.numel() for name, (_, b) in pairs.items()}, reduction)


@overload
def drift_from_counts(
    counts: Layers,
    reference_counts: Layers,
    trials: Trials,
    reference_trials: Trials | None = None,
    reduction: Scalar = "weighted",
) -> float: ...
@overload
def drift_from_counts(
    counts: Layers,
    reference_counts: Layers,
    trials: Trials,
    reference_trials: Trials | None,
    reduction: Reduction,
) -> float | dict[str, float]: ...
def drift_from_counts(
    counts: Layers,
    reference_counts: Layers,
    trials: Trials,
    reference_trials: Trials | None = None,
    reduction: Reduction = "weighted",
) -> float | dict[str, float]:
    """`firing_drift` of the rates `counts / trials`, exact; arguments and errors as in `emd_from_counts`."""
    pairs, sizes = _paired(counts, reference_counts, trials, reference_trials, reduction)
    check_matched(pairs)
    values = {name: _drift(name, a, b, sizes[0][name], sizes[1][name]) for name, (a, b) in pairs.items()}
    return reduced(values, {name: a.numel() for name, (a, _) in pairs.items()}, reduction)


@overload
def mean_rate_from_counts(counts: Layers, trials: Trials, reduction: Scalar = "weighted") -> float: ...
@overload
def mean_rate_from_counts(counts: Layers, trials: Trials, reduction: Reduction) -> float | dict[str, float]: ...
def mean_rate_from_counts(
    counts: Layers, trials: Trials, reduction: Reduction = "weighted"
) -> float | dict[str, float]:
    """Mean firing rate of the units in spikes per step, in [0, 1], exact; over layers as in `firing_emd`."""
    check_choice(reduction, REDUCTIONS, "reduction")
    layers = as_layers(counts)
    sizes = trials_by_layer(trials, layers)
    values = {name: Fraction(int(count.sum()), sizes[name] * count.numel()) for name, count in layers.items()}
    return reduced(values, {name: count.numel() for name, count in layers.items()}, reduction)


def rates_from_counts(counts: Mapping[str, Tensor], trials: Trials) -> dict[str, Tensor]:
    """Firing rates in spikes per step, float64 in [0, 1], of the same shapes."""
    sizes = trials_by_layer(trials, counts)
    return {name: count.double() / sizes[name] for name, count in counts.items()}


def by_units(counts: Mapping[str, Tensor], trials: int, units: Units) -> tuple[dict[str, Tensor], dict[str, int]]:
    """Counts and trials of each layer's neurons, `(*features)`, or of its channels, `(features[0],)`."""
    check_units(units)
    if units == "neuron":
        return dict(counts), dict.fromkeys(counts, trials)
    sums = {name: count.flatten(1).sum(1) if count.ndim > 1 else count for name, count in counts.items()}
    return sums, {name: trials * (count.numel() // sums[name].numel()) for name, count in counts.items()}


def reduced(values: dict[str, Fraction], units: dict[str, int], reduction: Reduction) -> float | dict[str, float]:
    """The layers' values as floats, or one float over layers."""
    if reduction == "none":
        return {name: float(value) for name, value in values.items()}
    return float(reduce_fractions(values, units, reduction))


def trials_by_layer(trials: Trials, layers: Mapping[str, object]) -> dict[str, int]:
    """Trials of each layer; a FiringError names a layer that has none."""
    sizes = dict.fromkeys(layers, trials) if isinstance(trials, int) else {name: trials[name] for name in layers}
    for name, size in sizes.items():
        if size <= 0:
            raise FiringError(f"layer {name!r}: {size} trials; counts need at least one sample of one step")
    return sizes


def _paired(
    counts: Layers, reference_counts: Layers, trials: Trials, reference_trials: Trials | None, reduction: Reduction
) -> tuple[_Pairs, _Sizes]:
    """Counts of both networks by layer, and both networks' trials of each layer."""
    check_choice(reduction, REDUCTIONS, "reduction")
    pairs = pair_layers(counts, reference_counts)
    theirs = trials if reference_trials is None else reference_trials
    return pairs, (trials_by_layer(trials, pairs), trials_by_layer(theirs, pairs))


def _pooled(pairs: _Pairs, sizes: _Sizes) -> tuple[_Pairs, _Sizes]:
    lattice = lcm(*sizes[0].values(), *sizes[1].values())
    pooled = [
        torch.cat([pair[side].flatten() * (lattice // sizes[side][name]) for name, pair in pairs.items()])
        for side in (0, 1)
    ]
    return {"pooled": (pooled[0], pooled[1])}, ({"pooled": lattice}, {"pooled": lattice})


def _emd(layer: str, a: Tensor, b: Tensor, trials_a: int, trials_b: int) -> Fraction:
    """Area between the two distribution functions, both brought to one lattice and one number of units."""
    a, b = _check_counts(a, trials_a, layer), _check_counts(b, trials_b, layer)
    lattice, units = lcm(trials_a, trials_b), lcm(a.numel(), b.numel())
    if lattice * units >= 2**63:
        raise FiringError(
            f"layer {layer!r}: {a.numel()} and {b.numel()} units of {trials_a} and {trials_b} trials are too many for "
            "exact integer arithmetic; use firing_emd on rates"
        )
    a, b = _scaled(a, lattice // trials_a), _scaled(b, lattice // trials_b)
    weights = units // a.numel(), units // b.numel()
    few = lattice <= max(_SMALL_LATTICE, _LATTICE_PER_UNIT * max(a.numel(), b.numel()))
    area = _histogram_area(a, b, weights, lattice) if few else _sorted_area(a, b, weights)
    return Fraction(area, lattice * units)


def _histogram_area(a: Tensor, b: Tensor, weights: tuple[int, int], lattice: int) -> int:
    sides = list(zip((a, b), weights, strict=True))
    # The running difference of two histograms is that of the distribution functions, on a lattice of step 1.
    histograms = in_threads(
        lambda side: _scaled(side[0].bincount(minlength=lattice + 1), side[1]), sides, a.numel() + b.numel()
    )
    return int((histograms[0] - histograms[1]).cumsum(0).abs_().sum())


def _sorted_area(a: Tensor, b: Tensor, weights: tuple[int, int]) -> int:
    if weights == (1, 1):
        return int((a.sort().values - b.sort().values).abs_().sum())
    # Sorted together, the distribution functions differ by the jumps so far, as far as the next value.
    values, order = torch.cat([a, b]).sort()
    jumps = torch.cat([torch.full_like(a, weights[0]), torch.full_like(b, -weights[1])])[order]
    return int((jumps.cumsum(0)[:-1].abs_() * values.diff()).sum())


def _drift(layer: str, a: Tensor, b: Tensor, trials_a: int, trials_b: int) -> Fraction:
    lattice = lcm(trials_a, trials_b)
    a, b = _check_counts(a, trials_a, layer), _check_counts(b, trials_b, layer)
    change = (_scaled(a, lattice // trials_a) - _scaled(b, lattice // trials_b)).abs_().sum()
    return Fraction(int(change), lattice * a.numel())


def _scaled(tensor: Tensor, factor: int) -> Tensor:
    return tensor if factor == 1 else tensor * factor


def _check_counts(counts: Tensor, trials: int, layer: str) -> Tensor:
    if counts.dtype != torch.int64 or counts.numel() == 0:
        raise FiringError(
            f"layer {layer!r}: spike counts are a non-empty int64 tensor, got {tuple(counts.shape)} {counts.dtype}"
        )
    counts = counts.flatten()
    low, high = (int(value) for value in counts.aminmax())
    if low < 0 or high > trials:
        raise FiringError(f"layer {layer!r}: counts lie between {low} and {high}; {trials} trials allow 0..{trials}")
    return counts
