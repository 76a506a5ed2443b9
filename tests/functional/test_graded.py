"""Bursts, signs and units: unfolded spikes give the rates and distances of the numbers themselves."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance

from snnbench.errors import FiringError
from snnbench.functional import FiringProfile, firing_drift, firing_emd
from snnbench.functional.graded import BINARY, SpikeKind, unfold_spikes
from snnbench.functional.trains import first_spikes, van_rossum_distances


def numbers(seed: int, most: int, signed: bool) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-most if signed else 0, most + 1, (4, 60, 5), generator=generator).float()


@pytest.mark.parametrize("most", [1, 2, 5])
def test_rates_and_distances_are_those_of_the_numbers(most):
    a, b = numbers(0, most, False), numbers(1, most, False)
    profiles = [FiringProfile.from_spikes({"a": unfold_spikes(each, most)}) for each in (a, b)]
    rates = [each.double().mean((0, 1)) for each in (a, b)]
    assert (most * profiles[0].rates()["a"]).tolist() == pytest.approx(rates[0].tolist())
    assert most * float(firing_drift(*profiles)) == pytest.approx(float((rates[0] - rates[1]).abs().mean()))
    assert most * float(firing_emd(*profiles)) == pytest.approx(wasserstein_distance(*(r.numpy() for r in rates)))


def test_signs_are_neurons_of_their_own():
    values = numbers(0, 1, True)
    unfolded = unfold_spikes(values, 1, signed=True)
    assert unfolded.shape == (4, 60, 2, 5)
    assert torch.equal(unfolded[:, :, 0] - unfolded[:, :, 1], values)
    assert torch.equal(unfolded.sum(2), values.abs())


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 4), st.booleans(), st.integers(0, 99))
def test_nothing_is_lost(most, signed, seed):
    values = numbers(seed, most, signed)
    unfolded = unfold_spikes(values, most, signed).unflatten(0, (4, most)).sum(1)
    assert torch.equal(unfolded[:, :, 0] - unfolded[:, :, 1] if signed else unfolded, values)


def test_binary_spikes_stay_as_they_are():
    values = numbers(0, 1, False)
    assert torch.equal(unfold_spikes(values, 1), values)
    assert BINARY.counts(values, "a") is values


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (SpikeKind(), [0.0, 2.0], "spikes are 0 or 1"),
        (SpikeKind(most=3), [0.0, 4.0], "value 4;.*from 0 to 3"),
        (SpikeKind(most=3), [-1.0, 1.0], "value -1;.*from 0 to 3"),
        (SpikeKind(signed=True), [0.5, 1.0], "value 0.5;.*from -1 to 1"),
        (SpikeKind(unit=0.25, most=4), [0.3, 1.0], "value 0.3;"),
    ],
)
def test_what_a_kind_does_not_allow(kind, values, message):
    with pytest.raises(FiringError, match=message):
        kind.counts(torch.tensor(values).reshape(1, -1), "a")


def test_units():
    kind = SpikeKind(unit=0.25, most=4, signed=True)
    assert kind.counts(torch.tensor([[0.25, -1.0, 0.0]]), "a").tolist() == [[1, -4, 0]]
    for wrong in ({"most": 0}, {"unit": 0}):
        with pytest.raises(FiringError, match="is no kind of spikes"):
            SpikeKind(**wrong)


def test_trains_of_numbers():
    a, b = numbers(0, 3, True), numbers(1, 3, True)
    kind = SpikeKind(3, signed=True)
    found = van_rossum_distances(a, b, 1.5, "a", kind)
    for n in range(3):
        change = (a - b)[:, n, 0]
        total = sum(
            float(change[j] * change[k]) * torch.exp(torch.tensor(-abs(j - k) / 1.5))
            for j in range(4)
            for k in range(4)
        )
        assert float(found[n, 0]) == pytest.approx(float(total) ** 0.5, rel=1e-5)
    with pytest.raises(FiringError, match="spikes are 0 or 1"):
        van_rossum_distances(a, b)
    assert torch.equal(first_spikes(a, "a", kind) > 0, (a != 0).any(0))
