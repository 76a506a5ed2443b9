#!/usr/bin/env bash
# BrainCog 0.2.7.19: `get_fire_rate` gives the share of neurons that fired at all.
#
# It is the "fire-rate of neurons" of a network, beside `get_tot_spike`, its number of spikes. Guess: spikes a neuron
# and step, so that the rates times neurons and steps are that number. Seen: a neuron's mean over the steps is set to 1
# where it is above 0, and then averaged. A layer whose neurons fire once in 8 steps has a "rate" of 1 instead of 0.125,
# and one that fires at each step has the same: a network that is made sparser (fewer spikes of the same neurons) shows
# no change, and its operations, by rate times steps, are too many by up to the number of steps. Its gradient
# (`requires_grad=True`), for a loss that asks for fewer spikes, does not exist.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6 einops==0.8.1
"$folder/venv/bin/pip" install --quiet --no-deps braincog==0.2.7.19
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sys
import types
from unittest.mock import MagicMock

import braincog
import torch

# Their __init__ need torchvision, timm and packages for plots, and nothing here needs them.
for name in ("base", "model_zoo"):
    package = types.ModuleType(f"braincog.{name}")
    package.__path__ = [braincog.__path__[0] + "/" + name]
    sys.modules[f"braincog.{name}"] = package
for name in ("torchvision", "torchvision.ops", "torchvision.utils"):
    sys.modules[name] = MagicMock()

from braincog.base.node.node import IFNode
from braincog.model_zoo.base_module import BaseModule


class Network(BaseModule):
    def __init__(self, steps):
        super().__init__(step=steps, encode_type="direct")
        self.neurons = IFNode(threshold=1.0, step=steps)

    def forward(self, inputs):
        self.reset()
        return torch.stack([self.neurons(inputs) for _ in range(self.step)])


steps, neurons = 8, 1000
network = Network(steps)
network.set_requires_fp(True)
inputs, rates = torch.rand(1, neurons) / 4 + 0.15, {}
for scale in (1.0, 3.0, 8.0):
    spikes = network((scale * inputs).requires_grad_())
    given = network.get_fire_rate(requires_grad=True)
    rates[scale] = float(given), float(spikes.mean())
    print(f"inputs times {scale}: get_fire_rate {rates[scale][0]:.3f}, spikes a neuron and step {rates[scale][1]:.3f}, "
          f"get_tot_spike {float(network.get_tot_spike()):.0f} of {steps * neurons}, gradient: {given.requires_grad}")
    assert float(network.get_tot_spike()) == float(spikes.sum())
    assert spikes.requires_grad and not given.requires_grad
    assert rates[scale][0] == float((spikes.sum(0) > 0).float().mean()) == 1.0
assert rates[1.0][1] < 0.3 and rates[8.0][1] == 1.0
PYTHON
