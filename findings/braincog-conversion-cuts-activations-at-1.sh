#!/usr/bin/env bash
# BrainCog 0.2.7.19: a converted network has no activation above 1, or above `gamma`, however long it runs.
#
# `Convertor` puts a scale around each neuron, the percentile `p` of the activations on calibration data, so that a rate
# of 1 is the largest of them; "gamma controls the number of spikes of a burst", by default 1. Guess: with more steps
# outputs come to be those of the network. Seen: the calibration cuts activations at `gamma` before it takes the
# percentile, and hands the cut ones to the next layer. At the default no scale is above 1, and a neuron that should be
# 4.0 is 1 for ever: after 1,000 steps outputs are 48 % off the network's and 0.05 % off those of the network with all
# activations cut at 1. With gamma=5, bursts of up to five spikes, they are right, and with p=1 no neuron needs a burst:
# what is taken for the gain of burst spikes is the end of the cut. No warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6 einops==0.8.1
"$folder/venv/bin/pip" install --quiet --no-deps braincog==0.2.7.19
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import copy
import sys
import types

import braincog
import torch
from torch import nn

# Its __init__ needs torchvision and packages for plots, and nothing here needs them.
base = types.ModuleType("braincog.base")
base.__path__ = [braincog.__path__[0] + "/base"]
sys.modules["braincog.base"] = base

from braincog.base.conversion import Convertor, Scale, SNode


def convert(network, inputs, gamma):
    return Convertor([(inputs, 0)], device="cpu", p=1.0, gamma=gamma)(copy.deepcopy(network))


def off(ours, theirs):
    return float((ours - theirs).norm() / theirs.norm())


def scales(spiking):
    return [round(float(part[3].scale), 2) for part in spiking if isinstance(part, nn.Sequential)]


with torch.no_grad():
    torch.manual_seed(0)
    first, second = nn.Linear(16, 32), nn.Linear(32, 8)
    first.weight *= 4
    network, inputs = nn.Sequential(first, nn.ReLU(), second), torch.rand(64, 16)
    wanted, cut = network(inputs), second(first(inputs).clamp(0, 1))
    print(f"largest activation {float(first(inputs).max()):.2f}")
    found = {}
    for gamma in (1, 5):
        spiking, most, total = convert(network, inputs, gamma), 0.0, 0
        for _ in range(1000):
            total = total + spiking(inputs)
            most = max(most, *(float(part.spike.max()) for part in spiking.modules() if isinstance(part, SNode)))
        found[gamma] = off(total / 1000, wanted), off(total / 1000, cut), most, scales(spiking)
        print(f"gamma={gamma}: scale {found[gamma][3]}, at most {most:.0f} spikes of a neuron in a step, outputs "
              f"{found[gamma][0]:.4f} off the network's and {found[gamma][1]:.4f} off those cut at 1, in their norms")
assert found[1][3] == [1.0] and found[1][0] > 0.4 and found[1][1] < 0.01
assert found[5][0] < 0.01 and found[5][2] == 1
PYTHON
