"""Distance between the firing of two networks: firing EMD (neurons as a distribution) and drift (neurons matched)."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Literal, TypeAlias, overload

import numpy as np
import torch
from torch import Tensor

from snnbench.functional.counts import by_units, drift_from_counts, emd_from_counts
from snnbench.functional.layers import (
    REDUCTIONS,
    Reduction,
    Scalar,
    Units,
    as_layers,
    channel_mean,
    check_choice,
    check_matched,
    check_rates,
    check_units,
    pair_layers,
    reduce_layers,
)
from snnbench.functional.profile import FiringProfile
from snnbench.functional.rates import Rates, rates_of
from snnbench.functional.transport_plan import monotone_plan

Pairs: TypeAlias = dict[str, tuple[Tensor, Tensor]]


@overload
def firing_emd(
    rates: Rates, reference_rates: Rates, reduction: Scalar = "weighted", units: Units = "neuron"
) -> Tensor: ...
@overload
def firing_emd(
    rates: Rates, reference_rates: Rates, reduction: Literal["none"], units: Units = "neuron"
) -> dict[str, Tensor]: ...
def firing_emd(
    rates: Rates, reference_rates: Rates, reduction: Reduction = "weighted", units: Units = "neuron"
) -> Tensor | dict[str, Tensor]:
    """1-Wasserstein distance between two networks' distributions of firing rates over units, layer by layer.

    For layers of equal size it is `mean_i |sort(r)_i - sort(r')_i|`; in general `integral |F(x) - F'(x)| dx` over the
    two empirical distribution functions. Range [0, 1] spikes per step; blind to neurons that swap rates
    (see `firing_drift`). Differentiable almost everywhere, in both arguments. Half precision is computed in single
    precision and rounded once.
    Two profiles are compared by their integer counts, exactly.

    Args:
        rates: firing rates in [0, 1], a tensor of any shape, or layer name -> tensor, or a profile.
        reference_rates: the same for the reference; a layer may have another number of units.
        reduction: over layers: `weighted` by the units of the reference's layer (headline), `mean`, `max`, `pooled`
            (all units of all layers as one distribution; at most `weighted`), or `none` (dict per layer).
        units: `neuron` (each element), or `channel` (mean over the dimensions after the first).

    Raises:
        FiringError: naming the layer, if layers differ or a tensor does not hold rates.

    Source: Peyré and Cuturi, Computational Optimal Transport, arXiv 1803.00567, remark 2.30, p = 1.
    """
    if isinstance(rates, FiringProfile) and isinstance(reference_rates, FiringProfile):
        return _exact(emd_from_counts, rates, reference_rates, reduction, units)
    pairs = _rate_pairs(rates, reference_rates, reduction, units)
    if reduction == "pooled":
        sides = zip(*pairs.values(), strict=True)
        pooled = _wasserstein(*(torch.cat([rate.flatten() for rate in side]) for side in sides))
        return narrowed(pooled, rates, reference_rates)
    value = reduce_pairs({name: _wasserstein(a, b) for name, (a, b) in pairs.items()}, pairs, reduction)
    return narrowed(value, rates, reference_rates)


@overload
def firing_drift(
    rates: Rates, reference_rates: Rates, reduction: Scalar = "weighted", units: Units = "neuron"
) -> Tensor: ...
@overload
def firing_drift(
    rates: Rates, reference_rates: Rates, reduction: Literal["none"], units: Units = "neuron"
) -> dict[str, Tensor]: ...
def firing_drift(
    rates: Rates, reference_rates: Rates, reduction: Reduction = "weighted", units: Units = "neuron"
) -> Tensor | dict[str, Tensor]:
    """Mean change of rate of matched neurons, `mean_i |r_i - r'_i|`, layer by layer; range [0, 1] spikes per step.

    Law: `|mean r - mean r'| <= firing_emd <= firing_drift` in every layer. Differentiable almost everywhere.

    Args:
        rates: firing rates in [0, 1], a tensor, or layer name -> tensor, or a profile.
        reference_rates: the same for the reference, of equal shapes.
        reduction: over layers, as in `firing_emd`; `pooled` is the same as `weighted`.
        units: `neuron` or `channel`, as in `firing_emd`.

    Raises:
        FiringError: naming the layer, if layers or shapes differ or a tensor does not hold rates.
    """
    if isinstance(rates, FiringProfile) and isinstance(reference_rates, FiringProfile):
        return _exact(drift_from_counts, rates, reference_rates, reduction, units)
    pairs = matched_rates(rates, reference_rates, reduction, units)
    value = reduce_pairs({name: (a - b).abs().mean() for name, (a, b) in pairs.items()}, pairs, reduction)
    return narrowed(value, rates, reference_rates)


def _exact(
    distance: Callable[..., float | dict[str, float]],
    profile: FiringProfile,
    reference: FiringProfile,
    reduction: Reduction,
    units: Units,
) -> Tensor | dict[str, Tensor]:
    counts, trials = by_units(profile.counts(), profile.trials, units)
    reference_counts, reference_trials = by_units(reference.counts(), reference.trials, units)
    value = distance(counts, reference_counts, trials, reference_trials, reduction)
    if isinstance(value, dict):
        return {name: torch.tensor(each, dtype=torch.float64) for name, each in value.items()}
    return torch.tensor(value, dtype=torch.float64)


def matched_rates(rates: Rates, reference_rates: Rates, reduction: Reduction, units: Units) -> Pairs:
    """The checked rates of each layer in both networks, unit by unit; a FiringError names a layer that has no match.

    Half precision comes as single precision: it cannot hold 1 / units, nor sums and products of small rates.
    """
    pairs = _rate_pairs(rates, reference_rates, reduction, units)
    check_matched(pairs)
    return pairs


def reduce_pairs(values: dict[str, Tensor], pairs: Pairs, reduction: Reduction) -> Tensor | dict[str, Tensor]:
    """The layers' values, or one over layers, weighted by the units of the reference's layers."""
    if reduction == "none":
        return values
    return reduce_layers(values, {name: b.numel() for name, (_, b) in pairs.items()}, reduction)


def narrowed(value: Tensor | dict[str, Tensor], *rates: Rates) -> Tensor | dict[str, Tensor]:
    """A value computed from `rates`, or each layer's, in their dtype."""
    dtype = reduce(torch.promote_types, (kind for side in rates for kind in _dtypes(side)))
    if isinstance(value, dict):
        return {name: each.to(dtype) for name, each in value.items()}
    return value.to(dtype)


def _rate_pairs(rates: Rates, reference_rates: Rates, reduction: Reduction, units: Units) -> Pairs:
    check_choice(reduction, REDUCTIONS, "reduction")
    check_units(units)
    pairs = pair_layers(rates_of(rates), rates_of(reference_rates))
    checked = {name: (_wide(check_rates(a, name)), _wide(check_rates(b, name))) for name, (a, b) in pairs.items()}
    if units == "neuron":
        return checked
    return {name: (channel_mean(a), channel_mean(b)) for name, (a, b) in checked.items()}


def _dtypes(rates: Rates) -> set[torch.dtype]:
    if isinstance(rates, FiringProfile):
        return {torch.float64}
    return {tensor.dtype for tensor in as_layers(rates).values()}


def _wide(rates: Tensor) -> Tensor:
    return rates if rates.dtype in (torch.float32, torch.float64) else rates.float()


def counted_emd(rates: Tensor, reference_rates: Tensor) -> float:
    """`firing_emd` of a layer's rates as a profile has them, to the bit, and without a gradient."""
    return float(_between_sorted(*(_ascending(side.flatten()) for side in (rates, reference_rates))))


def _ascending(rates: Tensor) -> Tensor:
    # NumPy sorts several times as fast as torch.
    return torch.from_numpy(np.sort(rates.numpy())) if rates.device.type == "cpu" else rates.sort().values


def _wasserstein(a: Tensor, b: Tensor) -> Tensor:
    return _between_sorted(a.flatten().sort().values, b.flatten().sort().values)


def _between_sorted(a: Tensor, b: Tensor) -> Tensor:
    if len(a) == len(b):
        return (a - b).abs().mean()
    ranks_a, ranks_b, mass = monotone_plan(len(a), len(b), a.device)
    gap = (a[ranks_a] - b[ranks_b]).abs()
    return (gap * mass.to(gap.dtype)).sum()
