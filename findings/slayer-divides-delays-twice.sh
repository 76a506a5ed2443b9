#!/usr/bin/env bash
# SLAYER (lava-dl 0.6.0): on the CPU a layer's delays are divided by the sampling time twice.
#
# Guess: `Delay(sampling_time=2)` delays by 8 in time, that is by 4 steps, what `delay(x, 8, sampling_time=2)` delays by
# 4. Seen: where there is a delay to a channel it is by 2 steps, 8 / 2 / 2; one delay for all channels is divided once, as
# is each in the code for GPUs. With steps of half a time unit delays are twice too long instead. A network of delays that
# was trained on a GPU answers with other spikes on a CPU.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0 numpy==2.4.6 h5py==3.16.0 matplotlib==3.11.2
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps --ignore-requires-python lava-dl==0.6.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sys
import types


# It needs OpenCV and torchvision, and nothing here needs it.
sys.modules["lava.lib.dl.slayer.object_detection"] = types.ModuleType("object_detection")

import torch
from lava.lib.dl.slayer.axon import Delay, delay

spikes = torch.zeros(1, 2, 40)
spikes[..., 0] = 1
for sampling_time in 1, 2, 0.5:
    layer = Delay(sampling_time=sampling_time)
    layer(spikes)  # makes a delay for each channel
    layer.delay.data.fill_(8.0)
    own = layer(spikes)[0].argmax(1).tolist()
    same = delay(spikes, 8, sampling_time)[0].argmax(1).tolist()
    print(f"8 at a sampling time of {sampling_time}: one delay for all {same}, one to a channel {own} steps")
    assert same == [int(8 / sampling_time)] * 2 and own == [int(8 / sampling_time**2)] * 2
PYTHON
