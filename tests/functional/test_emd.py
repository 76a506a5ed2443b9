"""Firing EMD and drift against SciPy, POT and plain loops, from rates and from counts."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import ot
import pytest
import torch
from scipy.stats import wasserstein_distance

from snnbench.errors import FiringError
from snnbench.functional import (
    FiringProfile,
    drift_from_counts,
    emd_from_counts,
    firing_drift,
    firing_emd,
    mean_rate_from_counts,
    rate_correlation,
    threads,
)
from snnbench.functional import counts as counts_module
from snnbench.functional.emd import counted_emd

SIZES = [(1, 1), (2, 2), (7, 7), (100, 100), (3, 5), (1, 40), (64, 48), (1000, 999)]
REDUCTIONS = ["weighted", "mean", "max", "pooled"]


def rates(size: int, seed: int, kind: str = "uniform") -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.rand(size, generator=generator, dtype=torch.float64)
    kinds = {"uniform": drawn, "ties": (drawn * 4).round() / 4, "dead": drawn * (drawn > 0.7), "equal": drawn * 0 + 0.3}
    return kinds[kind]


def scipy_emd(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(wasserstein_distance(a.flatten().double().numpy(), b.flatten().double().numpy()))


def pot_emd(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(ot.emd2_1d(a.flatten().numpy(), b.flatten().numpy(), metric="euclidean"))


@pytest.mark.parametrize("kind", ["uniform", "ties", "dead", "equal"])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_emd_equals_scipy_and_pot(sizes, kind):
    a, b = rates(sizes[0], 1, kind), rates(sizes[1], 2, "uniform")
    emd = float(firing_emd(a, b))
    assert emd == pytest.approx(scipy_emd(a, b), abs=1e-12)
    assert emd == pytest.approx(pot_emd(a, b), abs=1e-12)
    assert float(firing_emd(b, a)) == pytest.approx(emd, abs=1e-15)
    assert counted_emd(a, b) == emd


@pytest.mark.parametrize("trials", [(1, 1), (40, 40), (40, 60), (2000, 1999), (400_000, 400_000)], ids=str)
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize(("histogram", "cores"), [(True, 1), (True, 2), (False, 1)], ids=str)
def test_emd_from_counts_equals_scipy_and_exact_arithmetic(sizes, trials, histogram, cores, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: cores)
    monkeypatch.setattr(threads, "_PARALLEL", 0)
    monkeypatch.setattr(counts_module, "_SMALL_LATTICE", 2**22 if histogram else 0)
    monkeypatch.setattr(counts_module, "_LATTICE_PER_UNIT", 0)
    generator = torch.Generator().manual_seed(sum(sizes))
    a, b = (torch.randint(0, most + 1, (size,), generator=generator) for size, most in zip(sizes, trials, strict=True))
    emd = emd_from_counts(a, b, *trials)
    assert emd == pytest.approx(scipy_emd(a / trials[0], b / trials[1]), abs=1e-7)
    assert emd == pytest.approx(scipy_emd(a.double() / trials[0], b.double() / trials[1]), abs=1e-12)
    assert emd == float(plain_emd(a.tolist(), b.tolist(), *trials))


def plain_emd(a: list[int], b: list[int], trials_a: int, trials_b: int) -> Fraction:
    """Area between the two distribution functions, in exact fractions."""
    points = sorted(
        [(Fraction(x, trials_a), Fraction(1, len(a))) for x in a]
        + [(Fraction(x, trials_b), Fraction(-1, len(b))) for x in b]
    )
    area, gap = Fraction(0), Fraction(0)
    for (here, jump), (there, _) in pairwise(points):
        gap += jump
        area += abs(gap) * (there - here)
    return area


def layers(seed: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shapes = {"first": (4, 3, 3), "second": (10,), "third": (2, 50)}
    return {name: torch.rand(shape, generator=generator, dtype=torch.float64) for name, shape in shapes.items()}


def expected(per_layer: dict[str, float], pooled: float, reduction: str) -> float:
    weights = {"first": 36, "second": 10, "third": 100}
    return {
        "weighted": sum(weights[name] * value for name, value in per_layer.items()) / 146,
        "mean": sum(per_layer.values()) / 3,
        "max": max(per_layer.values()),
        "pooled": pooled,
    }[reduction]


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_reductions_over_layers(reduction):
    a, b = layers(1), layers(2)
    flat = [torch.cat([rate.flatten() for rate in each.values()]) for each in (a, b)]
    emds = {name: scipy_emd(a[name], b[name]) for name in a}
    assert float(firing_emd(a, b, reduction)) == pytest.approx(expected(emds, scipy_emd(*flat), reduction), abs=1e-12)
    drifts = {name: float((a[name] - b[name]).abs().mean()) for name in a}
    weighted = expected(drifts, 0.0, "weighted")
    assert float(firing_drift(a, b, reduction)) == pytest.approx(expected(drifts, weighted, reduction), abs=1e-12)


def test_no_reduction_gives_each_layer():
    a, b = layers(1), layers(2)
    emds = firing_emd(a, b, "none")
    assert list(emds) == list(a)
    assert all(float(emds[name]) == pytest.approx(scipy_emd(a[name], b[name]), abs=1e-12) for name in a)
    assert list(firing_drift(a, b, "none")) == list(a)


@pytest.mark.parametrize("units", ["neuron", "channel"])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("samples", [(30, 30), (30, 24)], ids=str)
def test_profiles_give_what_their_rates_give(reduction, units, samples):
    generator = torch.Generator().manual_seed(0)
    a, b = (
        FiringProfile.from_spikes(
            {name: torch.rand(4, each, *shape, generator=generator) < 0.3 for name, shape in shapes.items()}
        )
        for each in samples
        for shapes in [{"first": (4, 3, 3), "second": (10,)}]
    )
    for distance in (firing_emd, firing_drift):
        exact = float(distance(a, b, reduction, units))
        assert exact == pytest.approx(float(distance(a.rates(), b.rates(), reduction, units)), abs=1e-13)
        assert exact == pytest.approx(float(distance(a.rates(units), b.rates(units), reduction)), abs=1e-13)
        assert exact == pytest.approx(float(distance(a, b.rates(), reduction, units)), abs=1e-13)


def test_counts_have_means_and_drifts_in_exact_arithmetic():
    a, b = torch.tensor([0, 1, 7]), torch.tensor([2, 1, 5])
    assert mean_rate_from_counts(a, 7) == float(Fraction(8, 21))
    assert drift_from_counts(a, b, 7) == float(Fraction(4, 21))
    changes = [abs(Fraction(x, 7) - Fraction(y, 5)) for x, y in zip(a.tolist(), b.tolist(), strict=True)]
    assert drift_from_counts(a, b, 7, 5) == float(sum(changes) / 3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_dtypes_are_kept(dtype, reduction):
    a, b = ({name: rate.to(dtype) for name, rate in layers(seed).items()} for seed in (1, 2))
    value = firing_emd(a, b, reduction)
    assert value.dtype == dtype
    exact = firing_emd({n: r.double() for n, r in a.items()}, {n: r.double() for n, r in b.items()}, reduction)
    assert float(value) == pytest.approx(float(exact), abs=4 * torch.finfo(dtype).eps)


def test_half_precision_weights_do_not_overflow():
    a = {"large": torch.zeros(200_000, dtype=torch.float16), "small": torch.zeros(10, dtype=torch.float16)}
    b = {name: rate + 0.25 for name, rate in a.items()}
    assert float(firing_emd(a, b)) == 0.25


@pytest.mark.parametrize("units", ["neuron", "channel"])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("sizes", [(40_001, 40_000), (40_000, 40_000), (3, 70_001)], ids=str)
def test_half_precision_rounds_once(sizes, dtype, reduction, units):
    a = {"l": 0.5 + torch.rand(sizes[0], generator=torch.Generator().manual_seed(0)) / 64, "few": torch.full((2,), 0.5)}
    b = {"l": torch.full((sizes[1],), 0.50098), "few": torch.full((2,), 0.25)}
    a, b = ({name: rate.to(dtype) for name, rate in each.items()} for each in (a, b))
    exact = firing_emd(
        {name: rate.double() for name, rate in a.items()},
        {name: rate.double() for name, rate in b.items()},
        reduction,
        units,
    )
    value = firing_emd(a, b, reduction, units)
    assert value.dtype == dtype
    assert float(value) == pytest.approx(float(exact), rel=torch.finfo(dtype).eps)
    by_layer = firing_emd(a, b, "none", units)
    for name, emd in by_layer.items():
        change = abs(a[name].double().mean() - b[name].double().mean())
        assert float(emd) >= float(change) * (1 - torch.finfo(dtype).eps)


@pytest.mark.parametrize("function", [firing_drift, rate_correlation])
def test_small_rates_in_half_precision_are_not_lost(function):
    a = {"l": torch.arange(50_000).remainder(7).to(torch.float16) / 4096}
    b = {"l": torch.arange(50_000).remainder(5).to(torch.float16) / 4096}
    exact = function({"l": a["l"].double()}, {"l": b["l"].double()})
    assert float(function(a, b)) == pytest.approx(float(exact), rel=1e-3, abs=1e-3 * float(exact) + 1e-5)


@pytest.mark.parametrize("distance", [firing_emd, firing_drift])
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"a": torch.tensor([0.1, float("nan")])}, "layer 'a': rates lie between nan"),
        ({"a": torch.tensor([0.1, -0.1])}, "layer 'a': rates lie between -0.1"),
        ({"a": torch.tensor([0.1, 3.0])}, "layer 'a': rates lie between 0.1 and 3"),
        ({"a": torch.tensor([1, 2])}, "layer 'a': rates are a non-empty floating-point tensor"),
        ({"a": torch.zeros(0)}, "layer 'a': rates are a non-empty"),
        ({"b": torch.rand(2)}, "layer 'b' is only in the network"),
        ({}, "no layer was given"),
        (torch.rand(2), "layer 'spikes' is only in the network"),
    ],
    ids=["nan", "negative", "counts", "integers", "empty", "name", "none", "bare"],
)
def test_mistakes_name_the_layer(distance, wrong, message):
    with pytest.raises(FiringError, match=message):
        distance(wrong, {"a": torch.rand(2)})
    if isinstance(wrong, dict) and "a" in wrong:
        with pytest.raises(FiringError, match=message):
            distance({"a": torch.rand(2)}, wrong)


def test_drift_refuses_layers_of_other_shapes():
    with pytest.raises(FiringError, match=r"layer 'a': \(3, 4\) units against \(4, 3\) in the reference"):
        firing_drift({"a": torch.rand(3, 4)}, {"a": torch.rand(4, 3)})
    with pytest.raises(FiringError, match=r"layer 'a': \(3,\) units against \(4,\)"):
        drift_from_counts({"a": torch.zeros(3, dtype=torch.int64)}, {"a": torch.zeros(4, dtype=torch.int64)}, 5)


def test_unknown_choices_are_quoted():
    with pytest.raises(
        FiringError, match="reduction 'sum' is unknown; choose one of weighted, mean, max, pooled, none"
    ):
        firing_emd(torch.rand(2), torch.rand(2), "sum")
    with pytest.raises(FiringError, match="units 'layer' is unknown"):
        firing_emd(torch.rand(2), torch.rand(2), units="layer")


@pytest.mark.parametrize(
    ("counts", "trials", "message"),
    [
        (torch.tensor([0, 6]), 5, r"layer 'spikes': counts lie between 0 and 6; 5 trials allow 0\.\.5"),
        (torch.tensor([-1, 5]), 5, "layer 'spikes': counts lie between -1 and 5"),
        (torch.tensor([0.0, 1.0]), 5, "layer 'spikes': spike counts are a non-empty int64 tensor"),
        (torch.tensor([0, 0]), 0, "layer 'spikes': 0 trials"),
    ],
    ids=["large", "negative", "float", "no trials"],
)
def test_impossible_counts_are_refused(counts, trials, message):
    for function in (emd_from_counts, drift_from_counts):
        with pytest.raises(FiringError, match=message):
            function(counts, counts, trials)


def test_sizes_beyond_exact_integers_are_refused():
    a, b = torch.zeros(2**20, dtype=torch.int64), torch.zeros(2**20 - 1, dtype=torch.int64)
    with pytest.raises(FiringError, match="too many for exact integer arithmetic"):
        emd_from_counts(a, b, 2**30)


def test_layers_are_weighted_by_the_units_of_the_reference():
    rates = {"a": torch.full((2,), 0.5), "b": torch.full((3,), 0.1)}
    reference = {"a": torch.zeros(4), "b": torch.zeros(1)}
    assert firing_emd(rates, reference).item() == pytest.approx((4 * 0.5 + 1 * 0.1) / 5)
