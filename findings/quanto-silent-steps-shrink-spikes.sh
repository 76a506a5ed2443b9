#!/usr/bin/env bash
# optimum-quanto 0.2.7: steps without spikes in the calibration make all other spikes smaller.
#
# Guess: spikes are 0 and 1, so that int8 keeps them in a network which is calibrated step by step; a step in which a
# layer gets none tells nothing. Seen: `Calibration` takes the largest input of every call, 0 in a silent step, and
# averages them with a momentum. Neurons need some steps to their first spike, so that each image begins with silent
# ones: here two of eight, after which a spike is worth 0.82 in the second layer, for every image, and all its outputs
# are 0.82 of what they were. `Calibration(momentum=0)` changes nothing, since the hook for inputs has a momentum of 0.9
# of its own. With the silent steps left out of the calibration a spike is 1.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0 numpy==2.4.6 safetensors==0.8.0 packaging==26.0
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps optimum-quanto==0.2.7
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import copy

import torch
from optimum.quanto import Calibration, qint8, quantize
from torch import nn

torch.manual_seed(0)
torch.set_grad_enabled(False)
first, second = nn.Linear(20, 50), nn.Linear(50, 10, bias=False)
images = 0.25 * torch.rand(16, 32, 20)


def spikes_of(image, steps=8):
    """Of neurons that integrate and subtract their threshold of 1."""
    current, potential = first(image), 0
    for _ in range(steps):
        potential = potential + current
        spikes = (potential >= 1).float()
        potential = potential - spikes
        yield spikes


def calibrated(momentum, silent):
    layer = nn.Sequential(copy.deepcopy(second))
    quantize(layer, weights=qint8, activations=qint8)
    with Calibration(momentum=momentum):
        for image in images:
            for spikes in spikes_of(image):
                if silent or spikes.any():
                    layer(spikes)
    return layer


print("spikes by step:", [int(spikes.sum()) for spikes in spikes_of(images[0])])
spikes = torch.cat(list(spikes_of(images[0])))
expected = second(spikes)
for momentum, silent in ((0.9, True), (0.0, True), (0.9, False)):
    layer = calibrated(momentum, silent)
    found = (layer(spikes) * expected).sum() / expected.square().sum()
    worth = 127 * layer[0].input_scale
    told = "all steps" if silent else "steps with spikes"
    print(f"{told}, momentum {momentum}: a spike is {worth:.3f}, the layer's outputs {found:.3f} of what they were")
    assert (worth < 0.85 and abs(found - worth) < 0.03) if silent else (abs(worth - 1) < 1e-3 and abs(found - 1) < 0.03)
PYTHON
