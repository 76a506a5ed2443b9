"""Firing over time: per-step rates, and neurons as points in R^T."""

from __future__ import annotations

import numpy as np
import ot
import pytest
import torch
from scipy.optimize import linear_sum_assignment

from snnbench.errors import FiringError
from snnbench.functional import FiringProfile, firing_drift, firing_emd, profile_emd, temporal_drift, transport


def spikes(seed: int, steps: int = 4) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        "a": torch.rand(steps, 30, 6, 2, generator=generator) < 0.3,
        "b": torch.rand(steps, 30, 5, generator=generator) < 0.1,
    }


def test_temporal_drift_equals_its_definition():
    a, b = spikes(0), spikes(1)
    profiles = [FiringProfile.from_spikes(each) for each in (a, b)]
    by_layer = temporal_drift(*profiles, "none")
    for name in a:
        change = a[name].double().flatten(1).mean(1) - b[name].double().flatten(1).mean(1)
        assert float(by_layer[name]) == pytest.approx(float(change.abs().mean()), abs=1e-15)
    weighted = (12 * by_layer["a"] + 5 * by_layer["b"]) / 17
    assert float(temporal_drift(*profiles)) == pytest.approx(float(weighted), abs=1e-15)
    assert float(temporal_drift(*profiles, "mean")) == pytest.approx(
        float(by_layer["a"] + by_layer["b"]) / 2, abs=1e-15
    )
    assert float(temporal_drift(*profiles, "max")) == float(max(by_layer.values()))


def test_temporal_drift_sees_spikes_that_move_in_time_alone():
    early = torch.zeros(4, 8, 3)
    early[0] = 1
    profiles = [FiringProfile.from_spikes({"a": each}) for each in (early, early.flip(0))]
    assert float(firing_emd(*profiles)) == float(firing_drift(*profiles)) == 0
    assert float(temporal_drift(*profiles)) == 0.5


def test_temporal_drift_refuses_another_number_of_steps():
    with pytest.raises(FiringError, match=r"layer 'a': \(4,\) time steps against \(2,\)"):
        temporal_drift(FiringProfile.from_spikes(spikes(0)), FiringProfile.from_spikes(spikes(0, steps=2)))


def points(steps: int, size: int, seed: int) -> torch.Tensor:
    return torch.rand(steps, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("steps", [1, 2, 4])
@pytest.mark.parametrize("sizes", [(1, 1), (20, 20), (12, 30)], ids=str)
def test_exact_profile_emd_equals_assignment_and_pot(steps, sizes):
    a, b = points(steps, sizes[0], 1), points(steps, sizes[1], 2)
    cost = np.linalg.norm(a.T.numpy()[:, None] - b.T.numpy()[None], axis=2) / np.sqrt(steps)
    estimate = profile_emd(a, b)
    assert estimate.value == estimate.low == estimate.high
    uniform = [np.full(size, 1 / size) for size in sizes]
    assert estimate.value == pytest.approx(float(ot.emd2(*uniform, cost)), abs=1e-12)
    if sizes[0] == sizes[1]:
        assert estimate.value == pytest.approx(cost[linear_sum_assignment(cost)].mean(), abs=1e-12)


@pytest.mark.parametrize("steps", [1, 2, 4, 8])
@pytest.mark.parametrize(("sizes", "noise"), [((60, 60), 0.01), ((60, 60), 0.3), ((60, 45), 0.1)], ids=str)
def test_the_bounds_hold_beyond_the_exact_size(steps, sizes, noise, monkeypatch):
    a = points(steps, sizes[0], 1)
    b = (a[:, : sizes[1]] + noise * (points(steps, sizes[1], 2) - 0.4)).clamp(0, 1)
    exact = profile_emd(a, b).value
    monkeypatch.setattr(transport, "EXACT_UP_TO", 10)
    sliced = profile_emd(a, b)
    assert sliced.low <= exact + 1e-12
    assert exact <= sliced.high + 1e-12
    assert sliced.low <= sliced.value <= sliced.high
    assert sliced.low >= float(firing_emd(a.mean(0), b.mean(0))) - 1e-12
    if steps == 1:
        assert sliced.low == pytest.approx(exact, abs=1e-12)
        assert sliced.value == pytest.approx(exact, abs=1e-12)


def test_a_common_shift_is_found_by_slices(monkeypatch):
    monkeypatch.setattr(transport, "EXACT_UP_TO", 10)
    monkeypatch.setattr(transport, "_nearest", lambda a, b: 0.0)
    a = points(16, 500, 1) / 2
    shift = torch.linspace(-0.4, 0.4, 16, dtype=torch.float64).clamp(min=0)
    estimate = profile_emd(a, a + shift[:, None])
    assert estimate.low < 0.8 * estimate.high
    assert estimate.high == pytest.approx(float(shift.norm()) / 4, abs=1e-12)
    assert estimate.value == pytest.approx(float(shift.norm()) / 4, rel=0.1)
    assert estimate == profile_emd(a, a + shift[:, None])


def test_profile_emd_reductions_and_channels():
    a, b = ({n: t.double().mean(1) for n, t in spikes(seed).items()} for seed in (0, 1))
    by_layer = profile_emd(a, b, "none")
    assert profile_emd(a, b).value == pytest.approx(
        (12 * by_layer["a"].value + 5 * by_layer["b"].value) / 17, abs=1e-12
    )
    assert profile_emd(a, b, "max").value == max(by_layer["a"].value, by_layer["b"].value)
    pooled = [torch.cat([tensor.flatten(1) for tensor in each.values()], 1) for each in (a, b)]
    assert profile_emd(a, b, "pooled").value == pytest.approx(profile_emd(*pooled).value, abs=1e-12)
    channels = profile_emd(a["a"].mean(2), b["a"].mean(2)).value
    assert profile_emd(a["a"], b["a"], units="channel").value == pytest.approx(channels, abs=1e-12)


def test_mistakes_name_the_layer():
    with pytest.raises(FiringError, match="layer 'a': 4 time steps against 3 in the reference"):
        profile_emd({"a": torch.rand(4, 5)}, {"a": torch.rand(3, 5)})
    with pytest.raises(FiringError, match="layer 'a': rates lie between"):
        profile_emd({"a": torch.rand(4, 5) + 1}, {"a": torch.rand(4, 5)})
    with pytest.raises(FiringError, match="layer 'a': step rates have shape"):
        profile_emd({"a": torch.rand(())}, {"a": torch.rand(4)})
