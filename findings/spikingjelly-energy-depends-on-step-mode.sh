#!/usr/bin/env bash
# SpikingJelly 2.0.0: the Lemaire energy of one network on one input depends on how its steps are run.
#
# The same weights, the same input, the same spikes: called with all steps at once (step mode m) a network costs more
# than called step by step (s). In step mode m the input memory of a convolution of real numbers is taken to hold the
# inputs of all T steps, and a larger memory costs more for each byte; and the addresses of its kernel are counted once
# a call, so T times in step mode s.
#
# Seen: {'m': 6235115.0, 's': 5535318.2} picojoule for the same 2674 spikes.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6 loguru==0.7.3
"$folder/venv/bin/pip" install --quiet --no-deps spikingjelly==2.0.0
"$folder/venv/bin/python" -W ignore - <<'PY'
import torch
from spikingjelly.activation_based import functional, layer, neuron
from spikingjelly.activation_based.op_counter.analytical_energy import LemaireEnergyConfig, LemaireEnergyProfiler
from torch import nn

torch.manual_seed(0)
network = nn.Sequential(
    layer.Conv2d(2, 16, 3, padding=1, bias=False), neuron.IFNode(0.3), layer.Conv2d(16, 16, 3, bias=False),
    neuron.IFNode(0.05),
)
image, steps = torch.rand(1, 2, 12, 12), 4
spikes, energies = {}, {}
for mode in ("m", "s"):
    functional.set_step_mode(network, mode)
    functional.reset_net(network)
    profiler = LemaireEnergyProfiler(config=LemaireEnergyConfig(strict=False))
    profiler.bind_model(network)
    with profiler, torch.no_grad():
        if mode == "m":
            fired = network(image.expand(steps, *image.shape))
        else:
            fired = torch.stack([network(image) for _ in range(steps)])
    spikes[mode], energies[mode] = fired, profiler.get_report().total_pj
print({mode: round(energy, 1) for mode, energy in energies.items()}, "picojoule for", int(spikes["m"].sum()), "spikes")
assert torch.equal(spikes["m"], spikes["s"])
assert energies["m"] > 1.05 * energies["s"], "the energy no longer depends on the step mode"
PY
