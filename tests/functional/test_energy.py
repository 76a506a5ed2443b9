"""Energy with memory: SpikingJelly's own counters at 32 bits, and laws for fewer."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import pytest
import torch
from oracles.networks import library
from torch import nn

import snnbench
from snnbench.errors import FiringError
from snnbench.functional.energy import (
    OperandBits,
    SynapseLoad,
    network_energy,
    sram_picojoule,
    synapse_energy,
    total_energy,
)
from snnbench.functional.floorline import floorline
from snnbench.nn.loads import neuron_load, record_loads

T = 4


def convolutional() -> nn.Module:
    layer, neuron = library("spikingjelly.activation_based.layer"), library("spikingjelly.activation_based.neuron")
    return nn.Sequential(
        layer.Conv2d(2, 16, 3, padding=1, bias=False),
        neuron.IFNode(v_threshold=0.3),
        layer.Conv2d(16, 32, 3, stride=2, padding=1),
        neuron.IFNode(v_threshold=0.05),
        layer.Conv2d(32, 32, 5, groups=4),
        neuron.LIFNode(v_threshold=0.02),
    )


def linear() -> nn.Module:
    layer, neuron = library("spikingjelly.activation_based.layer"), library("spikingjelly.activation_based.neuron")
    return nn.Sequential(
        layer.Linear(128, 600),
        neuron.LIFNode(v_threshold=0.1),
        layer.Linear(600, 500, bias=False),
        neuron.LIFNode(v_threshold=0.02),
        layer.Linear(500, 10),
        neuron.IFNode(v_threshold=0.01),
    )


def flat(spikes: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: each.flatten(2) for name, each in spikes.items()}


NETWORKS = {
    "convolutions, all steps": (convolutional, "m", (2, 12, 12)),
    "linear, all steps": (linear, "m", (128,)),
    "convolutions, step by step": (convolutional, "s", (2, 12, 12)),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::RuntimeWarning")
@pytest.mark.parametrize("name", NETWORKS)
def test_equal_to_spikingjelly(name):
    build, mode, shape = NETWORKS[name]
    energy = library("spikingjelly.activation_based.op_counter.analytical_energy")
    functional = library("spikingjelly.activation_based.functional")
    torch.manual_seed(0)
    model = build()
    functional.set_step_mode(model, mode)
    steps = [torch.rand(1, *shape) for _ in range(T)]
    calls = [torch.stack(steps)] if mode == "m" else steps
    profiler = energy.LemaireEnergyProfiler(config=energy.LemaireEnergyConfig(strict=False))
    profiler.bind_model(model)
    with torch.no_grad(), record_loads(model) as loads, snnbench.record_spikes(model) as recorder:
        for call in calls:
            model(call)
    spikes = recorder.take(1)
    neurons = {
        name: neuron_load(model[int(name)], each[0].numel(), T, float(each.sum()))
        for name, each in flat(spikes).items()
    }
    functional.reset_net(model)
    with profiler, torch.no_grad():
        for call in calls:
            model(call)
    expected = profiler.get_report().breakdown_pj
    mine = total_energy(network_energy(loads.synapses(1), neurons).values())
    found = {
        "ops_pj": mine.operations,
        "addressing_pj": mine.addressing,
        "inout_pj": mine.in_out,
        "params_pj": mine.parameters,
        "potential_pj": mine.potentials,
        "memory_pj": mine.in_out + mine.parameters + mine.potentials,
    }
    assert found == pytest.approx(expected, rel=1e-6)
    assert mine.total == pytest.approx(profiler.get_report().total_pj, rel=1e-6)
    assert all(value > 0 for value in expected.values())


LOAD = SynapseLoad(False, True, 1000.0, 120.0, 5000.0, 1000.0, 1250.0, 144, 144, 9, 144, 1440, 16)


@pytest.mark.parametrize("spikes", [True, False])
def test_fewer_bits_never_cost_more(spikes):
    load = dataclasses.replace(LOAD, spikes=spikes)
    energies = [synapse_energy(load, OperandBits(bits, bits, bits, bits)) for bits in (1, 2, 4, 8, 16, 32)]
    for fewer, more in pairwise(energies):
        assert fewer.total < more.total
        assert fewer.addressing == more.addressing
    weights_only = synapse_energy(load, OperandBits(weight=4))
    assert weights_only.parameters < synapse_energy(load).parameters
    assert weights_only.potentials == synapse_energy(load).potentials


def test_memories_cost_by_their_size():
    assert [sram_picojoule(size) for size in (0, 8192, 32768, 2**20, 2**30)] == [0, 2.5, 5, 25, 25]
    assert sram_picojoule(4096) == 1.25
    assert sram_picojoule(20480) == pytest.approx(3.75)


def test_floorline_names_the_slowest_stage():
    quiet = dataclasses.replace(LOAD, active=4.0)
    assert floorline(LOAD, T).state == "memory"
    assert floorline(LOAD, T).bound == 120 * 144 / T
    assert floorline(quiet, T).state == "compute"
    assert floorline(LOAD, T, (1e-3, 1e-3, 100.0)).state == "traffic"
    with pytest.raises(FiringError, match="above 0"):
        floorline(LOAD, T, (1, 0, 1))
