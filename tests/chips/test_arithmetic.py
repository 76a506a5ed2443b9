"""Against exact fractions and plain integers, one number at a time."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from snnbench.chips.arithmetic import Leak, divide, fire, fit, lost
from snnbench.chips.document import Decay, Spike

NUMBERS = st.integers(-(2**30), 2**30)
ROUNDED = {
    "floor": math.floor,
    "zero": math.trunc,
    "away": lambda q: math.ceil(abs(q)) * (1 if q > 0 else -1),
    "half-even": round,
}


@pytest.mark.parametrize("rounding", ROUNDED)
@given(x=NUMBERS, bits=st.integers(0, 16))
def test_division_rounds_as_fractions_do(rounding, x, bits):
    assert divide(torch.tensor([x]), bits, rounding).item() == ROUNDED[rounding](Fraction(x, 2**bits))


@given(x=NUMBERS, bits=st.integers(1, 24))
def test_saturation_stops_and_wrapping_keeps_the_low_bits(x, bits):
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    assert fit(torch.tensor([x]), bits, "saturate").item() == min(max(x, low), high)
    wrapped = fit(torch.tensor([x]), bits, "wrap").item()
    assert low <= wrapped <= high
    assert (wrapped - x) % 2**bits == 0


@pytest.mark.parametrize("rounding", ROUNDED)
@pytest.mark.parametrize("least", [0, 1])
@given(x=st.integers(-(2**15), 2**15 - 1), factor=st.integers(0, 4096))
def test_a_state_never_decays_beyond_zero_nor_grows(rounding, least, x, factor):
    decay = Decay(form="factor", bits=12, rounding=rounding, least=least)
    after = x - lost(torch.tensor([x]), Leak(factor, 12), decay).item()
    if rounding == "floor" and x < 0:
        assert x <= after <= 0
    assert abs(after) <= abs(x)
    assert after * x >= 0
    if least and x and factor:
        assert abs(after) < abs(x)


@given(x=st.integers(-(2**15), 2**15 - 1), shift=st.integers(0, 15))
def test_a_shift_is_a_factor_of_one(x, shift):
    decay = Decay(form="shift", bits=15)
    assert lost(torch.tensor([x]), Leak(1, shift), decay).item() == x >> shift


@pytest.mark.parametrize("test", [">=", ">"])
@pytest.mark.parametrize("most", [1, 3, 31])
@given(h=st.integers(-(2**15), 2**15 - 1), threshold=st.integers(1, 2000))
def test_subtraction_fires_as_often_as_a_loop_does(test, most, h, threshold):
    spike = Spike(test=test, resets=["subtract"], most=most, threshold_bits=16, bias_bits=0)
    fired, after = fire(torch.tensor([h]), threshold, spike, "subtract", most)
    spikes, v = 0, h
    while (v >= threshold if test == ">=" else v > threshold) and spikes < most:
        spikes, v = spikes + 1, v - threshold
    assert (fired.item(), after.item()) == (spikes, v)


@pytest.mark.parametrize("test", [">=", ">"])
@given(h=st.integers(-100, 100), threshold=st.integers(1, 50))
def test_a_reset_to_zero_fires_once(test, h, threshold):
    spike = Spike(test=test, resets=["zero"], threshold_bits=16, bias_bits=0)
    fired, after = fire(torch.tensor([h]), threshold, spike, "zero", 1)
    reached = h >= threshold if test == ">=" else h > threshold
    assert (fired.item(), after.item()) == (int(reached), 0 if reached else h)
