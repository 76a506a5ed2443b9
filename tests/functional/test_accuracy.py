"""Intervals and tests of accuracy, against closed forms and enumeration."""

from __future__ import annotations

from math import comb, sqrt

import numpy as np
import pytest
import torch

from snnbench.errors import FiringError
from snnbench.functional import accuracy_change, mcnemar_test, wilson_interval


@pytest.mark.parametrize(("correct", "samples"), [(0, 1), (1, 1), (3, 7), (50, 100), (8123, 10000), (10000, 10000)])
def test_wilson_interval_equals_its_closed_form(correct, samples):
    z, p = 1.959963984540054, correct / samples
    center = (p + z * z / (2 * samples)) / (1 + z * z / samples)
    reach = z / (1 + z * z / samples) * sqrt(p * (1 - p) / samples + z * z / (4 * samples**2))
    estimate = wilson_interval(correct, samples)
    assert estimate.value == p
    assert estimate.low == pytest.approx(max(center - reach, 0), abs=1e-12)
    assert estimate.high == pytest.approx(min(center + reach, 1), abs=1e-12)
    assert estimate.low <= p <= estimate.high


@pytest.mark.parametrize(("correct", "samples"), [(0, 0), (3, 2), (-1, 2)])
def test_impossible_accuracies_are_refused(correct, samples):
    with pytest.raises(FiringError, match=f"{correct} correct of {samples} samples"):
        wilson_interval(correct, samples)


def outcomes(both: int, lost: int, gained: int, neither: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Correctness of the network and of the reference."""
    network = [1] * both + [0] * lost + [1] * gained + [0] * neither
    reference = [1] * both + [1] * lost + [0] * gained + [0] * neither
    return torch.tensor(network, dtype=torch.bool), torch.tensor(reference, dtype=torch.bool)


@pytest.mark.parametrize(("lost", "gained"), [(0, 0), (1, 0), (0, 5), (9, 3), (20, 20), (40, 61)])
def test_mcnemar_equals_enumeration(lost, gained):
    test = mcnemar_test(*outcomes(30, lost, gained, 4))
    discordant = lost + gained
    tail = sum(comb(discordant, k) for k in range(min(lost, gained) + 1)) / 2**discordant
    assert (test.lost, test.gained) == (lost, gained)
    assert test.p_value == pytest.approx(min(2 * tail, 1), abs=1e-12)


@pytest.mark.parametrize(("lost", "gained"), [(0, 0), (12, 3), (3, 12), (0, 1)])
def test_change_of_accuracy_is_paired(lost, gained):
    network, reference = outcomes(80, lost, gained, 10)
    change = accuracy_change(network, reference)
    assert change.value == pytest.approx(float(network.double().mean() - reference.double().mean()), abs=1e-15)
    assert -1 <= change.low < change.value < change.high <= 1
    assert (change.high - change.low) < 0.25


@pytest.mark.parametrize(("lost", "gained"), [(0, 0), (12, 3), (40, 1)])
def test_interval_of_the_change_is_that_of_a_mean_with_one_more_of_each_kind(lost, gained):
    network, reference = outcomes(80, lost, gained, 10)
    differences = np.repeat([1.0, -1.0, 0.0], [gained + 1, lost + 1, len(network) - gained - lost])
    reach = 1.959963984540054 * differences.std() / len(differences) ** 0.5
    change = accuracy_change(network, reference)
    assert change.low == pytest.approx(differences.mean() - reach, abs=1e-12)
    assert change.high == pytest.approx(differences.mean() + reach, abs=1e-12)


@pytest.mark.parametrize(
    "wrong", [torch.ones(3, dtype=torch.bool), torch.ones(4), torch.ones(0, dtype=torch.bool)], ids=str
)
def test_unpaired_outcomes_are_refused(wrong):
    for function in (mcnemar_test, accuracy_change):
        with pytest.raises(FiringError, match="correctness is a non-empty boolean tensor"):
            function(torch.ones(4, dtype=torch.bool), wrong)
