"""Jackknife intervals and noise floors, against closed forms and definitions."""

from __future__ import annotations

from itertools import combinations
from math import nan, sqrt

import numpy as np
import pytest
import torch
from scipy.stats import t as student

from snnbench.errors import FiringError
from snnbench.functional import (
    Estimate,
    FiringProfile,
    Paired,
    dead_fraction,
    emd_interval,
    firing_drift,
    firing_emd,
    jackknife,
    noise_floor,
    seed_floor,
)


def spikes(samples: int, rate: float, seed: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        "a": torch.rand(4, samples, 30, generator=generator) < rate,
        "b": torch.rand(4, samples, 4, 3, generator=generator) < rate / 2,
    }


def profile(samples: int = 100, rate: float = 0.3, seed: int = 0) -> FiringProfile:
    return FiringProfile.from_spikes(spikes(samples, rate, seed))


def test_the_mean_rate_has_the_classical_interval_of_a_mean():
    fired = spikes(100, 0.3, 0)
    by_shard = np.array(
        [
            np.mean([float(torch.cat([t[:, k::20].flatten(2) for t in fired.values()], 2).double().mean())])
            for k in range(20)
        ]
    )
    reach = student.ppf(0.975, 19) * by_shard.std(ddof=1) / sqrt(20)
    estimate = jackknife(FiringProfile.mean_rate, profile(), bounds=(0, 1))
    assert estimate.value == pytest.approx(by_shard.mean(), abs=1e-14)
    assert estimate.low == pytest.approx(by_shard.mean() - reach, abs=1e-12)
    assert estimate.high == pytest.approx(by_shard.mean() + reach, abs=1e-12)


def plain_jackknife(value: float, without: list[float], sizes: list[int]) -> tuple[float, float]:
    """Busing et al., equations (5) and (6), written out."""
    total, groups = sum(sizes), len(sizes)
    corrected = groups * value - sum((1 - m / total) * w for m, w in zip(sizes, without, strict=True))
    variance = 0.0
    for m, w in zip(sizes, without, strict=True):
        h = total / m
        variance += (h * value - (h - 1) * w - corrected) ** 2 / (h - 1) / groups
    return corrected, sqrt(variance)


@pytest.mark.parametrize("samples", [100, 33, 7])
@pytest.mark.parametrize(
    "distance",
    [
        lambda a, b: firing_emd(a, b, "pooled"),
        lambda a, b: firing_emd(a, b, "weighted", "channel"),
        firing_drift,
    ],
)
def test_the_interval_spans_the_measured_and_the_corrected_value(samples, distance):
    a, b = spikes(samples, 0.3, 0), spikes(samples, 0.35, 1)
    found = jackknife(distance, FiringProfile.from_spikes(a), FiringProfile.from_spikes(b), bounds=(0, 1))
    shards = min(samples, 20)

    def measured(kept: list[int]) -> float:
        return float(
            distance(
                *(FiringProfile.from_spikes({n: t[:, kept] for n, t in each.items()}, shards=1) for each in (a, b))
            )
        )

    value = measured(list(range(samples)))
    without = [measured([i for i in range(samples) if i % 20 != k]) for k in range(shards)]
    corrected, error = plain_jackknife(value, without, [len(range(k, samples, 20)) for k in range(shards)])
    reach = student.ppf(0.975, shards - 1) * error
    assert found.value == pytest.approx(value, abs=1e-15)
    assert found.low == pytest.approx(max(min(value, corrected) - reach, 0), abs=1e-12)
    assert found.high == pytest.approx(max(value, corrected) + reach, abs=1e-12)


def test_a_network_against_itself_has_no_distance_and_no_error():
    same = profile()
    for distance in (firing_drift, firing_emd, lambda a, b: a.mean_rate() - b.mean_rate()):
        assert jackknife(distance, same, same) == Estimate(0, 0, 0)
    assert emd_interval(Paired(same, same)) == Estimate(0, 0, 0)


def test_intervals_stay_in_the_range():
    silent = FiringProfile.from_spikes({"a": torch.zeros(4, 40, 3)})
    cases = ((FiringProfile.mean_rate, silent), (dead_fraction, profile(rate=0.05)), (dead_fraction, silent))
    for estimate in (jackknife(statistic, each, bounds=(0, 1)) for statistic, each in cases):
        assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1


def test_a_paired_difference_is_signed_and_sees_what_the_samples_share():
    reference, near, far = profile(rate=0.3), profile(rate=0.31, seed=1), profile(rate=0.4, seed=2)

    def nearer(a, b, c):
        return firing_emd(a, c) - firing_emd(b, c)

    difference = jackknife(nearer, near, far, reference)
    assert difference.value == pytest.approx(float(firing_emd(near, reference) - firing_emd(far, reference)), abs=1e-15)
    assert difference.high < 0
    turned = jackknife(nearer, far, near, reference)
    assert turned.low == pytest.approx(-difference.high, abs=1e-12)
    assert jackknife(nearer, near, near, reference) == Estimate(0, 0, 0)


def test_profiles_of_other_samples_cannot_be_paired():
    with pytest.raises(FiringError, match="100 samples in 20 shards and of 101 in 20 cannot be paired"):
        jackknife(firing_drift, profile(100), profile(101))


def test_one_sample_has_no_interval_and_no_floor():
    for function in (lambda each: jackknife(FiringProfile.mean_rate, each), noise_floor):
        with pytest.raises(FiringError, match="1 samples in 1 shard"):
            function(profile(1))


def test_what_is_not_finite_has_no_interval():
    with pytest.raises(FiringError, match="not finite"):
        jackknife(lambda _: nan, profile())


@pytest.mark.parametrize("units", ["neuron", "channel"])
def test_the_noise_floor_is_the_mean_over_splits_into_halves(units):
    fired = spikes(60, 0.3, 0)
    floors = []
    for start in range(10):
        inside = {(start + i) % 20 for i in range(10)}
        halves = [
            FiringProfile.from_spikes(
                {n: t[:, [i for i in range(60) if (i % 20 in inside) == half]] for n, t in fired.items()}
            )
            for half in (True, False)
        ]
        floors.append(firing_emd(*halves, "none", units))
    by_layer = noise_floor(FiringProfile.from_spikes(fired), "none", units)
    for name in fired:
        assert float(by_layer[name]) == pytest.approx(float(sum(f[name] for f in floors)) / 10, abs=1e-14)


def test_the_noise_floor_shrinks_with_the_samples():
    floors = [float(noise_floor(profile(samples))) for samples in (40, 160, 640)]
    for coarse, fine in combinations(floors, 2):
        assert fine < coarse
    assert floors[0] / floors[2] == pytest.approx(4, rel=0.35)


def test_a_deterministic_network_has_no_noise():
    assert float(noise_floor(FiringProfile.from_spikes({"a": torch.ones(4, 40, 3)}))) == 0


@pytest.mark.parametrize("units", ["neuron", "channel"])
def test_the_seed_floor_is_the_mean_over_pairs_of_references(units):
    a, b, c = (profile(rate=rate, seed=seed) for seed, rate in enumerate((0.2, 0.3, 0.6)))
    pairs = [float(firing_emd(x, y, "max", units)) for x, y in ((a, b), (b, c), (a, c))]
    assert float(seed_floor([a, b, c], "max", units)) == pytest.approx(sum(pairs) / 3, abs=1e-14)
    assert float(seed_floor([a, b])) == float(firing_emd(b, a))


def test_a_seed_floor_needs_two_references_on_the_same_samples():
    with pytest.raises(FiringError, match="two seeds, got 1"):
        seed_floor([profile()])
    with pytest.raises(FiringError, match="cannot be paired"):
        seed_floor([profile(), profile(60)])


@pytest.mark.parametrize("power", [0.5, 2])
def test_the_interval_holds_the_measured_value_whichever_way_it_is_biased(power):
    rates, sizes = profile(), [5] * 20

    def statistic(a):
        return float(a.mean_rate()) ** power

    found = jackknife(statistic, rates)
    corrected, error = plain_jackknife(found.value, [statistic(a) for a in rates.leave_one_out()], sizes)
    reach = student.ppf(0.975, 19) * error
    assert (corrected > found.value) == (power < 1)
    assert found.low == pytest.approx(min(found.value, corrected) - reach, abs=1e-12)
    assert found.high == pytest.approx(max(found.value, corrected) + reach, abs=1e-12)


def test_the_interval_is_clipped_to_the_bounds_and_still_holds_the_value():
    value = float(profile().mean_rate())

    def clipped(low, high):
        found = jackknife(lambda a: a.mean_rate(), profile(), bounds=(low, high))
        return found.low, found.high

    assert clipped(value - 1e-9, value + 1e-9) == (value - 1e-9, value + 1e-9)
    assert clipped(value + 0.1, 1)[0] == value
    assert clipped(0, value - 0.1)[1] == value
