#!/usr/bin/env bash
# SpikingJelly 2.0.0: its counters of operations count nothing under `torch.inference_mode`.
#
# Guess: what a network computes does not depend on how gradients are turned off, so that `no_grad` and `inference_mode`
# give the same counts. Seen: in inference mode PyTorch shows a dispatch mode whole layers (`aten.linear`,
# `aten.conv2d`) and not the products that they are made of, which are all that the counters have rules for.
# `SynOpCounter`, `ACCounter`, `MACCounter` and `FlopCounter` give 0 for the layers, without a warning, and
# `SimpleEnergyProfiler` a compute energy that has only the neurons' additions left. The training examples that
# SpikingJelly ships evaluate in inference mode.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6 loguru==0.7.3
"$folder/venv/bin/pip" install --quiet --no-deps spikingjelly==2.0.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from spikingjelly.activation_based import functional, layer, neuron
from spikingjelly.activation_based.op_counter import (
    ACCounter, DispatchCounterMode, FlopCounter, MACCounter, SimpleEnergyProfiler, SynOpCounter
)
from torch import nn

torch.manual_seed(0)
network = nn.Sequential(
    layer.Conv2d(2, 4, 3, bias=False), neuron.IFNode(0.2), layer.Flatten(), layer.Linear(144, 10, bias=False),
    neuron.IFNode(0.2),
)
functional.set_step_mode(network, "m")
spikes = (torch.rand(4, 2, 2, 8, 8) < 0.2).float()
images = torch.rand(4, 2, 2, 8, 8)
found, energies, fired = {}, {}, {}
for mode in torch.no_grad, torch.inference_mode:
    kinds = {"spikes": spikes, "images": images}
    for name, inputs in kinds.items():
        counters = [SynOpCounter(), ACCounter(), MACCounter(), FlopCounter()]
        functional.reset_net(network)
        with mode(), DispatchCounterMode(counters):
            fired[mode, name] = network(inputs)
        found[mode, name] = {type(counter).__name__: counter.get_total() for counter in counters}
        print(f"{mode.__name__}, {name}: {found[mode, name]}")
    functional.reset_net(network)
    profiler = SimpleEnergyProfiler()
    profiler.bind_model(network)
    with mode(), profiler:
        network(spikes)
    energies[mode] = profiler.get_report().energy_compute_pj
    print(f"{mode.__name__}, spikes: compute energy {energies[mode]:.1f} pJ")
for name in "spikes", "images":
    assert torch.equal(fired[torch.no_grad, name], fired[torch.inference_mode, name])
    assert found[torch.inference_mode, name]["SynOpCounter"] == 0 < found[torch.no_grad, name]["SynOpCounter"]
    assert found[torch.inference_mode, name]["MACCounter"] == 0
assert found[torch.no_grad, "images"]["MACCounter"] > 0
assert energies[torch.inference_mode] < energies[torch.no_grad] / 10
PYTHON
