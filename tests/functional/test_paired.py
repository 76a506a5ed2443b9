"""The paired null: against a plain loop over swaps, SciPy's distance, and its own laws."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance

from snnbench.errors import FiringError
from snnbench.functional import FiringProfile, Paired, emd_interval, firing_emd, paired_null, regrouping
from snnbench.functional.paired import STRENGTHS


@pytest.fixture(params=["kernel", "sorting"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways of computing an area give the same."""
    if request.param == "sorting":
        monkeypatch.setattr(regrouping, "regrouping_library", lambda: None)
    elif regrouping.regrouping_library() is None:
        pytest.skip("no C++ compiler")
    return str(request.param)


def pair(samples: int = 60, change: float = 0.1, seed: int = 0) -> tuple[FiringProfile, FiringProfile]:
    generator = torch.Generator().manual_seed(seed)
    shapes = {"a": (30,), "b": (4, 3), "same": (7,)}
    first = {name: torch.rand(4, samples, *shape, generator=generator) < 0.3 for name, shape in shapes.items()}
    second = {
        name: fired if name == "same" else fired ^ (torch.rand(fired.shape, generator=generator) < change)
        for name, fired in first.items()
    }
    return FiringProfile.from_spikes(second), FiringProfile.from_spikes(first)


def swapped_emds(network: FiringProfile, reference: FiringProfile, swaps: np.ndarray) -> Iterator[float]:
    """A plain loop: the counts of each network put together again shard by shard."""
    for swap in swaps:
        emds, neurons = [], []
        for name, layer in network.layers.items():
            mine, theirs = layer.counts.flatten(1).numpy(), reference.layers[name].counts.flatten(1).numpy()
            a = sum((theirs if s else mine)[k] for k, s in enumerate(swap))
            b = sum((mine if s else theirs)[k] for k, s in enumerate(swap))
            emds.append(wasserstein_distance(a, b) / reference.trials)
            neurons.append(len(a))
        yield float(np.average(emds, weights=neurons))


def test_the_null_is_that_of_a_plain_loop(way: str) -> None:
    network, reference = pair()
    paired = Paired(network, reference)
    emds = np.array(list(swapped_emds(network, reference, paired._swaps)))
    measured = float(firing_emd(network, reference))
    found = paired.null()
    assert found.p_value == (1 + (emds >= measured - 1e-12).sum()) / 1001
    assert found.mean == pytest.approx(emds.mean(), rel=1e-12)
    assert found.high == pytest.approx(np.quantile(emds, 0.95), rel=1e-12)
    assert found.swaps == len(emds) == 1000


@pytest.mark.parametrize("reduction", ["weighted", "mean", "max"])
def test_a_strength_of_one_is_the_measured_emd_and_without_shards_is_leaving_them_out(way: str, reduction: str) -> None:
    network, reference = pair()
    paired = Paired(network, reference)
    emds = {name: paired._emds(np.ones((1, 20)))[name][0] for name in network.layers}
    by_layer = firing_emd(network, reference, "none")
    assert emds == pytest.approx({name: float(value) for name, value in by_layer.items()}, abs=1e-15)
    without = [
        float(firing_emd(a, b, reduction))
        for a, b in zip(network.leave_one_out(), reference.leave_one_out(), strict=True)
    ]
    assert paired.without_shards(reduction).tolist() == pytest.approx(without, abs=1e-15)


def test_what_would_be_measured_at_each_strength_is_that_of_a_plain_loop(way: str) -> None:
    """Differences shrunk to a part of their mean, with residuals of random sign."""
    network, reference = pair(samples=100)
    paired = Paired(network, reference)
    true, noisy = paired.shifted("weighted")
    assert true[0] == 0
    assert noisy.shape == (len(STRENGTHS), 200)
    swaps = paired._swaps[:200]
    for strength, swap in product(range(len(STRENGTHS)), (0, 99, 199)):
        signs = np.where(swaps[swap], 1.0, -1.0)
        noise = 1.065 * np.sqrt(20 / 19) * (signs - signs.mean())
        total = 0.0
        for name, layer in network.layers.items():
            mine, theirs = layer.counts.flatten(1).numpy(), reference.layers[name].counts.flatten(1).numpy()
            more = mine - theirs
            counts = theirs.sum(0) + (1 + STRENGTHS[strength] + noise) / 2 @ more
            total += np.abs(np.sort(counts) - np.sort((mine + theirs).sum(0) - counts)).sum()
        assert noisy[strength, swap] == pytest.approx(total / (49 * reference.trials), rel=1e-3)


@pytest.mark.parametrize("units", [1, 9, 300, 3000])
@pytest.mark.parametrize("whole", [True, False])
def test_few_units_and_many_have_the_areas_that_sorting_gives(way: str, units: int, whole: bool) -> None:
    draw = np.random.default_rng(units)
    reference, more = draw.integers(9, 20, (5, units)).sum(0), draw.integers(-9, 10, (5, units))
    layer = regrouping.LayerPair(reference, 2 * reference + more.sum(0), more)
    kept = draw.integers(0, 2, (50, 5)) if whole else draw.uniform(-1, 2, (50, 5))
    rounded = 0 if whole else units / 2**6
    assert layer.areas(kept.astype(float)) == pytest.approx(layer.sorted_areas(kept.astype(float)), rel=0, abs=rounded)


def test_networks_that_fire_alike_differ_by_nothing(way: str) -> None:
    network, _ = pair()
    found = paired_null(network, network)
    assert (found.p_value, found.mean, found.high) == (1, 0, 0)
    interval = emd_interval(Paired(network, network))
    assert (interval.value, interval.low, interval.high) == (0, 0, 0)


@given(seed=st.integers(0, 10**6), samples=st.integers(2, 50), change=st.floats(0, 1))
@settings(max_examples=20, deadline=None)
def test_laws(seed: int, samples: int, change: float) -> None:
    network, reference = pair(samples, change, seed)
    paired, turned = Paired(network, reference), Paired(reference, network)
    found = paired.null()
    assert 1 / 1001 <= found.p_value <= 1
    assert 0 <= found.mean <= 1
    assert found.p_value == turned.null().p_value
    assert found.mean == pytest.approx(turned.null().mean, rel=1e-12)
    for reduction in ("weighted", "mean", "max"):
        interval = emd_interval(paired, reduction)
        assert 0 <= interval.low <= interval.value <= interval.high <= 1
        assert interval.value == float(firing_emd(network, reference, reduction))


def test_layers_that_nothing_changed_dilute_and_do_not_decide() -> None:
    network, reference = pair()
    paired = Paired(network, reference)
    everything, some = paired.null(), paired.null(["a", "b"])
    assert some.p_value == everything.p_value
    assert some.mean == pytest.approx(everything.mean * 49 / 42, rel=1e-12)
    assert emd_interval(paired, layers=["a", "b"]).value == pytest.approx(emd_interval(paired).value * 49 / 42)
    assert paired.layer_nulls()["same"].p_value == 1


def test_a_network_that_always_fires_more_is_told_from_its_reference() -> None:
    generator = torch.Generator().manual_seed(0)
    fired = torch.rand(4, 200, 50, generator=generator)
    more, less = (FiringProfile.from_spikes({"a": fired < rate}) for rate in (0.32, 0.3))
    assert paired_null(more, less).p_value == 1 / 1001


def test_what_cannot_be_paired_is_refused() -> None:
    network, reference = pair()
    with pytest.raises(FiringError, match="other samples or steps"):
        Paired(network, pair(61)[0])
    narrow = FiringProfile(dict(list(reference.layers.items())[:2]))
    with pytest.raises(FiringError, match="only in the network"):
        Paired(network, narrow)
    wide = FiringProfile.from_spikes({name: torch.zeros(4, 60, 5) for name in network.layers})
    with pytest.raises(FiringError, match="cannot be swapped"):
        Paired(network, wide)
