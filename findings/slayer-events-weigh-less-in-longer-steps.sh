#!/usr/bin/env bash
# SLAYER (lava-dl 0.6.0): an event in a tensor of steps of 2 ms is a spike of 0.5, one in steps of 0.5 ms a spike of 2.
#
# Guess: the tensor that `to_tensor` returns, which joins events in a step by OR, holds 0 and 1 as its neurons' spikes do,
# whatever `sampling_time`. Seen: it holds 0 and 1 / sampling_time. In longer steps the same synapse passes on less, and a
# neuron that fires at each event with steps of 1 ms is silent with steps of 2 ms, while spikes inside the network and on
# the chip are 1 at every step. What counts spikes by > 0 counts right, what sums them is off, and so is a rate.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0 numpy==2.4.6 h5py==3.16.0 matplotlib==3.11.2
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps --ignore-requires-python lava-dl==0.6.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sys
import types

import numpy as np

# It needs OpenCV and torchvision, and nothing here needs it.
sys.modules["lava.lib.dl.slayer.object_detection"] = types.ModuleType("object_detection")

import torch
from lava.lib.dl.slayer.block.cuba import Dense
from lava.lib.dl.slayer.io import Event

block = Dense({"threshold": 0.8, "current_decay": 1, "voltage_decay": 1}, 1, 1, delay_shift=False)
block.synapse.weight.data.fill_(1.0)
zeros = np.zeros(5, int)
for step, fired in (0.5, 5), (1, 5), (2, 0):
    tensor = Event(zeros, zeros, zeros, np.arange(0.0, 20, 4)).to_tensor(step)
    spikes = block(torch.tensor(tensor, dtype=torch.float).reshape(1, 1, -1))
    print(f"steps of {step} ms: 5 events are spikes of {tensor.max()}, behind a weight of 1 {spikes.sum():.0f} spikes")
    assert set(np.unique(tensor)) == {0, 1 / step} and (tensor > 0).sum() == 5 and spikes.sum() == fired
PYTHON
