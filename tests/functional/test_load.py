"""Peak load and the range of membranes against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from snnbench.errors import FiringError
from snnbench.functional.load import events_by_step, peak_load, state_bits


def test_peak_load_by_a_loop():
    generator = torch.Generator().manual_seed(0)
    spikes = {
        "a": (torch.rand(4, 50, 6, 2, generator=generator) < 0.3).float(),
        "b": (torch.rand(4, 50, 9, generator=generator) < 0.6).float(),
    }
    events = {name: events_by_step(each) for name, each in spikes.items()}
    loads = {(n, t): [float(x[t, i].sum()) for i in range(50)] for n, x in spikes.items() for t in range(4)}
    found = peak_load(events, limit=7)
    layer, step = max(loads, key=lambda key: sum(loads[key]))
    assert (found.layer, found.step) == (layer, step + 1)
    assert found.events == pytest.approx(sum(loads[layer, step]) / 50)
    highest = [max(each[i] for each in loads.values()) for i in range(50)]
    assert found.p99 == pytest.approx(np.quantile(highest, 0.99))
    assert found.over_limit == pytest.approx(np.mean([value > 7 for value in highest]))
    assert peak_load(events).over_limit is None


def test_signed_and_graded_spikes_are_one_event_each():
    spikes = torch.tensor([[[-1.0, 0.0, 2.0]], [[0.0, 0.0, 0.0]]])
    assert events_by_step(spikes).tolist() == [[2], [0]]
    assert events_by_step(spikes[:, 0]).tolist() == [[1, 0, 1], [0, 0, 0]]


@given(st.floats(-100, 100), st.floats(0, 100), st.sampled_from([1.0, 0.25, 0.01]))
def test_state_bits_hold_the_range_and_one_less_does_not(low, width, step):
    high = low + width
    bits = state_bits(low, high, step)
    assert -(2 ** (bits - 1)) * step <= low + 1e-9
    assert high - 1e-9 <= (2 ** (bits - 1) - 1) * step
    if bits > 1:
        smaller = (-(2 ** (bits - 2)), 2 ** (bits - 2) - 1)
        assert np.floor(low / step) < smaller[0] or np.ceil(high / step) > smaller[1]


@pytest.mark.parametrize(
    ("low", "high", "step", "bits"),
    [(0, 0, 1, 1), (-1, 0, 1, 1), (0, 1, 1, 2), (-2, 1, 1, 2), (-2.1, 1, 1, 3), (0, 127, 1, 8), (0, 128, 1, 9)],
)
def test_state_bits_by_hand(low, high, step, bits):
    assert state_bits(low, high, step) == bits


@pytest.mark.parametrize("arguments", [(1, 0, 1), (0, 1, 0), (float("nan"), 1, 1), (0, float("inf"), 1)])
def test_no_range_is_refused(arguments):
    with pytest.raises(FiringError, match="have no range"):
        state_bits(*arguments)


def test_no_layer_is_refused():
    with pytest.raises(FiringError, match="at least one layer"):
        peak_load({})
