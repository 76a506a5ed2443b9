#!/usr/bin/env bash
# syops 0.0.5: the "spike rate" of a layer that is called once a time step is the sum of its rates over the steps.
#
# Guess: in a network that loops over T steps each layer's line gives its mean rate, as where the steps come in one call
# with T in the batch. Seen: each call adds its rate, and the sum is divided by the calls of the network, so that a rate
# is T times too high: inputs of 0.29 spikes a step have a "Spike Rate" of 29 % at 1 step, 116 % at 4, 231 % at 8. Below
# 1 / T nothing in the number tells, and who multiplies it by T and the dense operations, as energy is often estimated,
# counts T twice. The column "ACs" of the same line is right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0 numpy==2.4.6 progress==1.6.1
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps syops==0.0.5 spikingjelly==0.0.0.0.12
"$folder/venv/bin/python" -W ignore - 2> "$folder/log" <<'PYTHON' || { cat "$folder/log"; exit 1; }
import io
import re

import torch
from spikingjelly.clock_driven import neuron
from syops import get_model_complexity_info
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

spikes = (torch.arange(16 * 8).reshape(16, 8) * 37 % 128 < 37).float()


class Network(nn.Module):
    def __init__(self, steps):
        super().__init__()
        self.steps, self.layer, self.neurons = steps, nn.Linear(8, 4, bias=False), neuron.IFNode()

    def forward(self, images):
        return sum(self.neurons(self.layer(images)) for _ in range(self.steps))


for steps in 1, 4, 8:
    lines = io.StringIO()
    loader = DataLoader(TensorDataset(spikes, torch.zeros(16)), batch_size=8)
    get_model_complexity_info(Network(steps), (8,), loader, ost=lines, print_per_layer_stat=True)
    rate = float(re.search(r"layer\): Linear\(.* ([\d.]+)% Spike Rate", lines.getvalue())[1])
    print(f"{steps} steps of inputs that spike in {spikes.mean():.1%} of all: {rate}% spike rate")
    assert abs(rate - 100 * steps * spikes.mean().item()) < 0.01
PYTHON
