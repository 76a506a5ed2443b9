"""Distance between two networks' neurons as points in R^T, each neuron by its rate at every step."""

from __future__ import annotations

from collections.abc import Iterator
from math import exp, lgamma, pi, sqrt
from typing import Literal, overload

import torch
from torch import Tensor

from snnbench.errors import FiringError
from snnbench.functional.layers import (
    REDUCTIONS,
    Layers,
    Reduction,
    Scalar,
    Units,
    check_choice,
    check_rates,
    check_units,
    pair_layers,
    reduce_layers,
)
from snnbench.functional.transport_plan import monotone_plan
from snnbench.functional.uncertainty import Estimate

EXACT_UP_TO = 1000
"""Largest number of units of a layer for which the optimal transport is solved exactly."""

DIRECTIONS = 64
"""Number of projections of the sliced distance."""


@overload
def profile_emd(
    step_rates: Layers, reference_step_rates: Layers, reduction: Scalar = "weighted", units: Units = "neuron"
) -> Estimate: ...
@overload
def profile_emd(
    step_rates: Layers, reference_step_rates: Layers, reduction: Literal["none"], units: Units = "neuron"
) -> dict[str, Estimate]: ...
def profile_emd(
    step_rates: Layers, reference_step_rates: Layers, reduction: Reduction = "weighted", units: Units = "neuron"
) -> Estimate | dict[str, Estimate]:
    """1-Wasserstein distance between the neurons' rate profiles over time, points `x_i = (r_i1 .. r_iT)` in [0, 1]^T.

    The cost of moving x to y is `||x - y||_2 / sqrt(T)`, so that the range is [0, 1] spikes per step and
    `firing_emd <= profile_emd`; for T = 1 they are equal. Neurons are not matched, as in `firing_emd`.

    Layers of at most `EXACT_UP_TO` units are solved exactly (POT's network simplex). Larger ones get the sliced
    distance over `DIRECTIONS` fixed directions, divided by `E|u_1|` of a random direction u: exact if all points were
    shifted alike, otherwise too small. Its error is shown: `low` and `high` are proven bounds, and the value is brought
    between them. No plan costs less than the distance along one direction, or than the mean distance to the nearest
    point of the other network; `high` is the cost of the best plan found.

    Args:
        step_rates: rate of each unit at each step, `(T, *features)` in [0, 1]; or layer name -> such a tensor.
        reference_step_rates: the same for the reference, of the same T.
        reduction: over layers, as in `firing_emd`.
        units: `neuron`, or `channel` (mean over the feature dimensions after the first).

    Returns:
        `Estimate(value, low, high)` where `low` and `high` bound the distance of these points (not of a population);
        equal if exact. A dict of them for `none`.

    Raises:
        FiringError: naming the layer, if layers or T differ or a tensor does not hold rates.

    Source: Bonneel et al. 2015, Sliced and Radon Wasserstein barycenters, J. Math. Imaging and Vision 51.
    """
    check_choice(reduction, REDUCTIONS, "reduction")
    check_units(units)
    pairs = {
        name: (_points(a, units, name), _points(b, units, name))
        for name, (a, b) in pair_layers(step_rates, reference_step_rates).items()
    }
    for name, (a, b) in pairs.items():
        if a.shape[1] != b.shape[1]:
            raise FiringError(f"layer {name!r}: {a.shape[1]} time steps against {b.shape[1]} in the reference")
    if reduction == "pooled":
        sides = zip(*pairs.values(), strict=True)
        return _distance(*(torch.cat(side) for side in sides))
    distances = {name: _distance(a, b) for name, (a, b) in pairs.items()}
    if reduction == "none":
        return distances
    return _reduce(distances, {name: len(b) for name, (_, b) in pairs.items()}, reduction)


def _points(step_rates: Tensor, units: Units, layer: str) -> Tensor:
    if step_rates.ndim < 1 or step_rates.numel() == 0:
        raise FiringError(f"layer {layer!r}: step rates have shape {tuple(step_rates.shape)}; pass (T, *features)")
    rates = check_rates(step_rates.detach(), layer).double()
    if units == "channel" and rates.ndim > 2:
        rates = rates.flatten(2).mean(2)
    return rates.flatten(1).T if rates.ndim > 1 else rates.unsqueeze(0)


def _distance(a: Tensor, b: Tensor) -> Estimate:
    scale = sqrt(a.shape[1])
    if max(len(a), len(b)) <= EXACT_UP_TO:
        import ot  # slow to import, and needed here alone

        value = float(ot.emd2([], [], torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist").numpy())) / scale
        return Estimate(value, value, value)
    plan = monotone_plan(len(a), len(b), a.device)
    slices = [_slice(a, b, direction, plan) for direction in _directions(a.shape[1])]
    high = min([cost for _, cost in slices] + _matched(a, b)) / scale
    low = min(max(_nearest(a, b), _nearest(b, a), *(along for along, _ in slices)) / scale, high)
    sliced = sum(along for along, _ in slices[1:]) / DIRECTIONS / _mean_length(a.shape[1]) / scale
    return Estimate(min(max(sliced, low), high), low, high)


def _nearest(a: Tensor, b: Tensor) -> float:
    """Mean distance to the nearest point of the other network: every plan costs at least this."""
    from scipy.spatial import KDTree

    return float(KDTree(b.numpy()).query(a.numpy())[0].mean())


def _matched(a: Tensor, b: Tensor) -> list[float]:
    """Cost of the plan that leaves every neuron in its place, if there is one."""
    return [float((a - b).norm(dim=1).mean())] if a.shape == b.shape else []


def _directions(timesteps: int) -> Iterator[Tensor]:
    """The direction of the mean over time, along which the distance is `firing_emd`, and fixed random ones."""
    yield torch.full((timesteps,), 1 / sqrt(timesteps), dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    random = torch.randn(DIRECTIONS, timesteps, generator=generator, dtype=torch.float64)
    yield from random / random.norm(dim=1, keepdim=True)


def _slice(a: Tensor, b: Tensor, direction: Tensor, plan: tuple[Tensor, Tensor, Tensor]) -> tuple[float, float]:
    """Distance of the projections, and the full cost of the plan that is optimal for them."""
    ranks_a, ranks_b, mass = plan
    moved = a[(a @ direction).argsort()[ranks_a]] - b[(b @ direction).argsort()[ranks_b]]
    return float(mass @ (moved @ direction).abs()), float(mass @ moved.norm(dim=1))


def _mean_length(timesteps: int) -> float:
    """`E|u_1|` of a random unit vector u in R^T."""
    return exp(lgamma(timesteps / 2) - lgamma((timesteps + 1) / 2)) / sqrt(pi)


def _reduce(distances: dict[str, Estimate], units: dict[str, int], reduction: Reduction) -> Estimate:
    def over_layers(field: str) -> float:
        values = {
            name: torch.tensor(getattr(distance, field), dtype=torch.float64) for name, distance in distances.items()
        }
        return float(reduce_layers(values, units, reduction))

    return Estimate(over_layers("value"), over_layers("low"), over_layers("high"))
