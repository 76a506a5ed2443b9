"""Networks of whole numbers against xylosim 0.1.3: every spike and every potential."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from snnbench_xylo import snnbench_chips
from snnbench_xylo.simulator import Simulator
from torch import nn

import snnbench
from snnbench.chips import find_chip, read_semantics
from snnbench.errors import OptionError
from snnbench.nn.neurons import IFNeuron, LIFNeuron
from snnbench.quant import quantize_weights

from snnbench_xylo import xylo_channel  # isort: skip

STEPS = 12
CHIPS = {"xylo": find_chip("xylo"), **{name: read_semantics(path) for name, path in snnbench_chips().items()}}


def counts(split):
    """Digits at 4 x 4 pixels as events a step, 0 to 15, and labels: 1,437 to train, 360 to test."""
    images, labels = load_digits(return_X_y=True)
    pooled = images.reshape(-1, 4, 2, 4, 2).sum((2, 4)).reshape(-1, 16) // 4
    chosen = slice(0, 1437) if split == "train" else slice(1437, None)
    return torch.from_numpy(pooled.clip(max=15)[chosen]).float(), torch.from_numpy(labels[chosen])


def mlp(hidden=48, bias=True):
    torch.manual_seed(0)
    neuron = {"reset": "soft", "decay_input": False, "tau": 16.0}
    return nn.Sequential(
        nn.Linear(16, hidden, bias=bias), LIFNeuron(**neuron), nn.Linear(hidden, 10, bias=False), LIFNeuron(**neuron)
    )


def spikes(model, x):
    """Mean output spikes of the float network; Xylo's currents keep half of what was."""
    hidden, fire, out, fire_out = model
    return fire_out(filtered(out(fire(filtered(hidden(x).expand(STEPS, -1, -1)))))).mean(0)


def filtered(x):
    current, steps = torch.zeros_like(x[0]), []
    for each in x:
        current = (current + each) / 2
        steps.append(current)
    return torch.stack(steps)


@pytest.fixture(scope="module")
def trained():
    x, labels = counts("train")
    model = mlp()
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    for _ in range(60):
        loss = nn.functional.cross_entropy(6 * spikes(model, x / 4), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    quantize_weights(model, lambda _, weight: xylo_channel(weight, bits=8), ())
    return model.eval()


@pytest.mark.parametrize("chip", CHIPS)
def test_every_spike_of_360_digits_is_that_of_the_simulator(trained, chip):
    x, labels = counts("test")
    put = snnbench.on_chip(trained, CHIPS[chip], timesteps=STEPS)
    seen = {}
    put.network.watch = seen.__setitem__
    logits = put.network(x / 4)
    simulator = Simulator(put.network)
    assert len(x) == 360
    hidden, output = seen.values()
    for n, events in enumerate(put.network.enter(x / 4)):
        found = simulator.run(events)
        assert np.array_equal(found.hidden, hidden[:, n])
        assert np.array_equal(found.output, output[:, n])
    assert float((logits.argmax(1) == labels).double().mean()) > 0.8
    assert int(output.max()) == 1 < int(hidden.max())


def test_what_xylo_cannot_hold_of_the_digits_is_told(trained):
    told = [str(each) for each in snnbench.on_chip(trained, "xylo", timesteps=STEPS).excess]
    *others, several = told
    assert re.fullmatch(r"1: spikes a step at most 1, the chip has up to \d+", several)  # training rounds by machine
    assert others == [
        "0: input below 0, the chip has events",
        "0: current of one step, the chip has memory: half of it stays",
        "2: current of one step, the chip has memory: half of it stays",
    ]
    told = [str(each) for each in snnbench.on_chip(trained, CHIPS["xylo-audio2"], timesteps=STEPS).excess]
    assert "network: outputs 10, the chip has 8" in told
    assert any(line.startswith("1: bias ") and line.endswith("the chip has none") for line in told)


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("seed", range(20))
def test_random_networks_are_those_of_the_simulator(chip, seed):
    torch.manual_seed(seed)
    draw = torch.Generator().manual_seed(seed)
    inputs, hidden, outputs = (int(n) for n in torch.randint(1, 17, (3,), generator=draw))
    shift = [2.0 ** int(n) for n in torch.randint(1, 12, (2,), generator=draw)]
    model = nn.Sequential(
        nn.Linear(inputs, hidden),
        LIFNeuron(tau=shift[0], reset="soft", decay_input=False),
        nn.Linear(hidden, outputs, bias=False),
        LIFNeuron(tau=shift[1], reset="soft", decay_input=False),
    )
    with torch.no_grad():
        model[0].weight.mul_(2)
        model[2].weight.mul_(4)
    put = snnbench.on_chip(model, CHIPS[chip], timesteps=100).network
    events = torch.randint(0, 16, (3, inputs), generator=draw)
    seen = {}
    put.watch = seen.__setitem__
    put(events / 4)
    simulator = Simulator(put)
    for n in range(3):
        found = simulator.run(events[n])
        assert np.array_equal(found.hidden, seen["1"][:, n])
        assert np.array_equal(found.output, seen["3"][:, n])


@pytest.mark.parametrize(
    "model",
    [
        nn.Sequential(nn.Linear(4, 3), IFNeuron()),
        nn.Sequential(nn.Conv2d(1, 2, 3), IFNeuron(), nn.Flatten(), nn.Linear(8, 3), IFNeuron()),
        nn.Sequential(nn.Linear(4, 3), IFNeuron(), nn.Linear(3, 2), IFNeuron()),
    ],
    ids=["one layer", "a convolution", "a bias at the output"],
)
def test_networks_that_the_simulator_has_no_place_for_are_refused(model):
    shape = (1, 4, 4) if isinstance(model[0], nn.Conv2d) else (4,)
    put = snnbench.on_chip(model, "xylo", input_shape=shape, timesteps=4)
    with pytest.raises(OptionError):
        Simulator(put.network)
