"""What must hold for any firing whatever: bounds, symmetry, invariance, the triangle inequality."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from snnbench.functional import (
    FiringProfile,
    dead_fraction,
    emd_from_counts,
    firing_drift,
    firing_emd,
    firing_rate,
    mean_rate_from_counts,
    newly_dead_fraction,
    profile_emd,
    revived_fraction,
    spike_mismatch,
    temporal_drift,
)
from snnbench.functional.counts import drift_from_counts

TRIALS = 12


@st.composite
def networks(draw: st.DrawFn, networks: int = 2) -> list[dict[str, torch.Tensor]]:
    """Spike counts, out of `TRIALS`, of the same layers in several networks."""
    sizes = draw(st.lists(st.integers(1, 9), min_size=1, max_size=3))
    count = st.integers(0, TRIALS)
    return [
        {f"l{i}": torch.tensor(draw(st.lists(count, min_size=n, max_size=n))) for i, n in enumerate(sizes)}
        for _ in range(networks)
    ]


@st.composite
def spiking(draw: st.DrawFn) -> list[dict[str, torch.Tensor]]:
    """Spikes of the same layers in two networks."""
    steps, samples = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    sizes = draw(st.lists(st.integers(1, 5), min_size=1, max_size=3))
    seed, rate = draw(st.integers(0, 2**32)), draw(st.floats(0, 1))
    generator = torch.Generator().manual_seed(seed)
    return [
        {f"l{i}": torch.rand(steps, samples, n, generator=generator) < rate for i, n in enumerate(sizes)}
        for _ in range(2)
    ]


def rates(counts: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: count.double() / TRIALS for name, count in counts.items()}


@given(networks())
def test_emd_lies_between_the_change_of_the_mean_and_drift(pair):
    a, b = pair
    emds, drifts = emd_from_counts(a, b, TRIALS, reduction="none"), drift_from_counts(a, b, TRIALS, reduction="none")
    means = [mean_rate_from_counts(each, TRIALS, "none") for each in pair]
    for name in a:
        assert abs(means[0][name] - means[1][name]) <= emds[name] + 1e-15
        assert 0 <= emds[name] <= drifts[name] <= 1


@given(networks())
def test_emd_of_float_rates_obeys_the_same_bounds(pair):
    a, b = map(rates, pair)
    emds, drifts = firing_emd(a, b, "none"), firing_drift(a, b, "none")
    for name in a:
        assert float((a[name].mean() - b[name].mean()).abs()) - 1e-15 <= emds[name] <= drifts[name] + 1e-15


@given(networks(), st.sampled_from(["weighted", "mean", "max", "pooled"]))
def test_symmetry_and_identity(pair, reduction):
    a, b = pair
    for distance in (emd_from_counts, drift_from_counts):
        assert distance(a, b, TRIALS, reduction=reduction) == distance(b, a, TRIALS, reduction=reduction)
        assert distance(a, a, TRIALS, reduction=reduction) == 0
    assert firing_emd(rates(a), rates(a), reduction) == 0


@given(networks(), st.randoms(use_true_random=False))
def test_emd_ignores_which_neuron_is_which(pair, random):
    a, b = pair
    shuffled = {}
    for name, count in a.items():
        order = list(range(len(count)))
        random.shuffle(order)
        shuffled[name] = count[order]
    assert emd_from_counts(shuffled, b, TRIALS) == emd_from_counts(a, b, TRIALS)
    assert firing_emd(rates(shuffled), rates(b)) == firing_emd(rates(a), rates(b))


@given(networks())
def test_pooling_the_layers_never_adds_distance(pair):
    assert emd_from_counts(*pair, TRIALS, reduction="pooled") <= emd_from_counts(*pair, TRIALS)
    a, b = map(rates, pair)
    assert firing_emd(a, b, "pooled") <= firing_emd(a, b) + 1e-15


@given(networks(3), st.sampled_from(["weighted", "mean", "max", "pooled"]))
def test_triangle_inequality(three, reduction):
    a, b, c = three
    for distance in (emd_from_counts, drift_from_counts):
        direct = distance(a, c, TRIALS, reduction=reduction)
        detour = distance(a, b, TRIALS, reduction=reduction) + distance(b, c, TRIALS, reduction=reduction)
        assert direct <= detour + 1e-15


@given(networks())
def test_dead_neurons_are_newly_dead_or_stay_dead(pair):
    a, b = map(rates, pair)
    change = dead_fraction(a, 0.3) - dead_fraction(b, 0.3)
    assert change == pytest.approx(float(newly_dead_fraction(a, b, 0.3) - revived_fraction(a, b, 0.3)), abs=1e-15)


@given(spiking())
def test_behaviour_is_ordered_from_coarse_to_fine(pair):
    a, b = pair
    profiles = [FiringProfile.from_spikes(each) for each in pair]
    emds, drifts = firing_emd(*profiles, "none"), firing_drift(*profiles, "none")
    steps = [{name: spikes.double().mean(1) for name, spikes in each.items()} for each in pair]
    over_time, points = temporal_drift(*profiles, "none"), profile_emd(*steps, "none")
    by_place, by_spike = spike_mismatch(a, b, "none"), spike_mismatch(a, b, "none", per="spike")
    for name in a:
        mean_change = float((firing_rate(a)[name].double().mean() - firing_rate(b)[name].double().mean()).abs())
        assert mean_change <= float(over_time[name]) + 1e-6
        assert float(emds[name]) <= points[name].value + 1e-9
        assert float(drifts[name]) <= by_place[name] + 1e-15
        assert by_place[name] <= by_spike[name] <= 1
