"""A layer of integer neurons against a loop over plain Python integers, for every chip and for random semantics."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from snnbench.builtin.chips import snnbench_chips
from snnbench.chips.arithmetic import Leak
from snnbench.chips.document import (
    Accumulator,
    Current,
    Decay,
    Fold,
    Input,
    Membrane,
    Semantics,
    Spike,
    Weights,
    read_semantics,
)
from snnbench.chips.neuron import Neurons, run
from snnbench.errors import OptionError

CHIPS = {name: read_semantics(path) for name, path in snnbench_chips().items()}
INTEGER = [name for name, chip in CHIPS.items() if chip.arithmetic == "integer"]


def stored(x, state):
    low, high = -(2 ** (state.bits - 1)), 2 ** (state.bits - 1) - 1
    if state.overflow == "saturate":
        return min(max(x, low), high)
    while x < low:
        x += 2**state.bits
    while x > high:
        x -= 2**state.bits
    return x


def decayed(x, leak, decay):
    if not leak.factor:
        return x
    exact = Fraction(x * leak.factor, 2**leak.bits)
    if decay.rounding == "away":
        amount = math.ceil(abs(exact)) * (-1 if exact < 0 else 1)
    else:
        amount = {"floor": math.floor, "zero": math.trunc, "half-even": round}[decay.rounding](exact)
    if amount == 0 and x:
        amount = decay.least if x > 0 else -decay.least
    return x - amount


def current(i, x, neurons, state):
    if state.order == "decay-add":
        return stored(decayed(i, neurons.current_leak, state.decay) + x, state)
    return decayed(stored(i + x, state), neurons.current_leak, state.decay)


def loop(events, neurons, chip):
    """Spikes, potentials and currents of one neuron."""
    v, i = neurons.start, 0
    spikes, potentials, currents = [], [], []
    for x in events:
        if chip.accumulator:
            x = stored(x, chip.accumulator)  # noqa: PLW2901
        i = current(i, x, neurons, chip.current) if chip.current else x
        if chip.membrane.order == "add-decay":
            v = decayed(stored(v + i + neurons.bias, chip.membrane), neurons.leak, chip.membrane.decay)
        elif chip.membrane.adds == "change":
            change = decayed(v, neurons.leak, chip.membrane.decay) - v
            change = stored(stored(change + i, chip.membrane) + neurons.bias, chip.membrane)
            v = stored(v + change, chip.membrane)
        else:
            v = stored(decayed(v, neurons.leak, chip.membrane.decay) + i + neurons.bias, chip.membrane)
        fired = 0
        while fired < (neurons.most if neurons.reset == "subtract" else 1) and (
            v > neurons.threshold if chip.spike.test == ">" else v >= neurons.threshold
        ):
            fired += 1
            v = v - neurons.threshold if neurons.reset == "subtract" else 0
        spikes.append(fired)
        potentials.append(v)
        currents.append(i)
    return spikes, potentials, currents


def agree(events, neurons, chip):
    trace = run(torch.tensor(events).view(-1, 1, 1), neurons, chip)
    found = [part.flatten().tolist() for part in (trace.spikes, trace.potentials, trace.currents)]
    assert found == list(loop(events, neurons, chip))


@st.composite
def constants(draw, decay, large):
    def leak():
        if decay.form == "shift":
            return Leak(1, draw(st.integers(0, decay.bits)))
        return Leak(draw(st.integers(0, 2**decay.bits)), decay.bits)

    return Neurons(
        threshold=draw(st.integers(1, large)),
        reset=draw(st.sampled_from(["zero", "subtract"])),
        most=draw(st.integers(1, 31)),
        bias=draw(st.integers(-large, large)),
        start=draw(st.integers(-large, large)),
        leak=draw(st.sampled_from([Leak(), leak()])),
        current_leak=leak(),
    )


@pytest.mark.parametrize("name", INTEGER)
@settings(max_examples=60)
@given(data=st.data())
def test_chips_that_ship_are_the_loop(name, data):
    chip = CHIPS[name]
    large = 2 ** (chip.membrane.bits - 1) - 1
    neurons = data.draw(constants(chip.membrane.decay, large))
    agree(data.draw(st.lists(st.integers(-large, large), min_size=1, max_size=20)), neurons, chip)


@st.composite
def semantics(draw):
    overflows = st.sampled_from(["saturate", "wrap"])
    shift = draw(st.booleans())
    rounding = "floor" if shift else draw(st.sampled_from(["floor", "zero", "away", "half-even"]))
    decay = Decay(
        form="shift" if shift else "factor",
        bits=draw(st.integers(1, 12)),
        rounding=rounding,
        least=draw(st.integers(0, 1)),
    )
    bits = draw(st.integers(4, 24))
    order = draw(st.sampled_from(["decay-add", "add-decay"]))
    adds = draw(st.sampled_from(["state", "change"]))
    return Semantics(
        name="random",
        version=1,
        title="",
        sources=("hypothesis",),
        arithmetic="integer",
        weights=Weights(bits=8),
        input=Input(),
        accumulator=draw(st.sampled_from([None, Accumulator(bits=draw(st.integers(4, 24)), overflow=draw(overflows))])),
        current=draw(st.sampled_from([None, Current(bits=bits, overflow=draw(overflows), order=order, decay=decay)])),
        membrane=Membrane(bits=bits, overflow=draw(overflows), order=order, adds=adds, decay=decay),
        spike=Spike(
            test=draw(st.sampled_from([">=", ">"])),
            resets=["zero", "subtract"],
            most=draw(st.integers(1, 31)),
            threshold_bits=bits,
            bias_bits=bits,
        ),
        fold=Fold(gain="threshold", residual="graded"),
    )


@settings(max_examples=200)
@given(data=st.data())
def test_any_semantics_are_the_loop(data):
    chip = data.draw(semantics())
    large = 2 ** (chip.membrane.bits - 1) - 1
    neurons = data.draw(constants(chip.membrane.decay, large))
    agree(data.draw(st.lists(st.integers(-large, large), min_size=1, max_size=12)), neurons, chip)


def test_overflows_are_counted():
    chip = CHIPS["int"]
    trace = run(torch.tensor([30000, 30000, -70000]).view(3, 1, 1), Neurons(threshold=2**15 - 1), chip)
    assert trace.overflows.tolist() == [2]
    assert trace.spikes.flatten().tolist() == [0, 1, 0]


@pytest.mark.parametrize(("overflow", "spikes"), [("saturate", [1, 0]), ("wrap", [0, 0])])
def test_sums_may_have_bits_of_their_own(overflow, spikes):
    chip = CHIPS["int"].model_copy(update={"accumulator": Accumulator(bits=8, overflow=overflow)})
    trace = run(torch.tensor([200, 60]).view(2, 1, 1), Neurons(threshold=100), chip)
    assert trace.spikes.flatten().tolist() == spikes
    assert trace.overflows.tolist() == [1]


def test_constants_may_differ_from_neuron_to_neuron():
    events = torch.tensor([[10, 10]]).repeat(3, 1).view(3, 1, 2)
    trace = run(events, Neurons(threshold=torch.tensor([10, 15]), start=torch.tensor([0, 5])), CHIPS["int"])
    assert trace.spikes[:, 0].tolist() == [[1, 1], [1, 0], [1, 1]]


def test_a_chip_of_float_arithmetic_has_no_integer_neurons():
    with pytest.raises(OptionError, match="chip 'float' computes in float"):
        run(torch.zeros(1, 1, 1, dtype=torch.int64), Neurons(1), CHIPS["float"])
