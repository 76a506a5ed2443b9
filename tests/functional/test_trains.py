"""The van Rossum distance against an integral, and against elephant's numbers; first spikes against a loop."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from snnbench.errors import FiringError
from snnbench.functional.trains import (
    first_spike_latency,
    first_spikes,
    van_rossum_distance,
    van_rossum_distances,
)

# elephant 1.2.1: van_rossum_distance([SpikeTrain(a * s), SpikeTrain(b * s)], time_constant=tau * s)[0, 1]
ELEPHANT = [
    ([0], [], 1.0, 1.0),
    ([0], [1], 1.0, 1.1243847729568004),
    ([0, 2, 3], [1, 2], 1.0, 1.4467704337314948),
    ([0, 2, 3], [1, 2], 0.5, 1.642454157686795),
    ([0, 1, 2, 3, 7], [4, 5, 6], 2.5, 3.0427156442131116),
    ([1, 4], [1, 4], 2.0, 0.0),
]


def train(steps: list[int], length: int = 8) -> torch.Tensor:
    spikes = torch.zeros(length, 1, 1)
    spikes[steps] = 1
    return spikes


@pytest.mark.parametrize(("a", "b", "tau", "distance"), ELEPHANT)
def test_against_elephant(a, b, tau, distance):
    assert van_rossum_distance(train(a), train(b), tau) == pytest.approx(distance, abs=2e-7)


@pytest.mark.parametrize(("a", "b", "tau", "distance"), ELEPHANT)
def test_elephant_itself(a, b, tau, distance):
    elephant = pytest.importorskip("elephant.spike_train_dissimilarity")
    neo, units = pytest.importorskip("neo"), pytest.importorskip("quantities")
    trains = [neo.SpikeTrain(np.array(steps) * units.s, t_stop=9.0) for steps in (a, b)]
    assert elephant.van_rossum_distance(trains, time_constant=tau * units.s)[0, 1] == pytest.approx(distance, abs=1e-9)


@pytest.mark.parametrize("tau", [0.4, 1.0, 3.0])
def test_against_the_integral(tau):
    generator = torch.Generator().manual_seed(0)
    a, b = ((torch.rand(6, 3, 2, generator=generator) < 0.5).float() for _ in range(2))
    time = np.arange(0, 6 + 40 * tau, 1e-3)
    expected = np.zeros((3, 2))
    for n in range(3):
        for i in range(2):
            change = sum(
                float(a[t, n, i] - b[t, n, i]) * np.where(time >= t, np.exp(-(time - t) / tau), 0) for t in range(6)
            )
            expected[n, i] = np.sqrt(2 / tau * np.sum(change**2) * 1e-3)
    assert van_rossum_distances(a, b, tau).numpy() == pytest.approx(expected, rel=5e-3, abs=1e-3)


TRAINS = st.lists(st.lists(st.booleans(), min_size=5, max_size=5), min_size=3, max_size=3)


@settings(deadline=None, max_examples=60)
@given(TRAINS, st.floats(0.1, 20))
def test_it_is_a_metric(trains, tau):
    a, b, c = (torch.tensor(each, dtype=torch.float32).reshape(5, 1, 1) for each in trains)

    def distance(x: torch.Tensor, y: torch.Tensor) -> float:
        return van_rossum_distance(x, y, tau)

    assert distance(a, a) == 0
    assert distance(a, b) == distance(b, a)
    assert distance(a, c) <= distance(a, b) + distance(b, c) + 1e-5
    assert (distance(a, b) > 0) == (not torch.equal(a, b))


def test_first_spikes_by_a_loop():
    spikes = (torch.rand(6, 10, 3, generator=torch.Generator().manual_seed(1)) < 0.2).float()
    expected = torch.zeros(10, 3).long()
    for t in reversed(range(6)):
        expected[spikes[t] == 1] = t + 1
    assert torch.equal(first_spikes(spikes), expected)
    assert first_spike_latency(spikes) == pytest.approx(float(expected[expected > 0].double().mean()))
    assert first_spike_latency(torch.zeros(4, 2, 3)) is None


@pytest.mark.parametrize(
    ("a", "b", "tau", "message"),
    [
        (train([0]), train([0]), 0, "tau=0"),
        (train([0]), train([0], 4), 1.0, "layer 'spikes'"),
        (2 * train([0]), train([0]), 1.0, "spikes are 0 or 1"),
    ],
)
def test_what_is_refused(a, b, tau, message):
    with pytest.raises(FiringError, match=message):
        van_rossum_distance(a, b, tau)
