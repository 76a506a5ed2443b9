#!/usr/bin/env bash
# torchinfo 1.8.0: a convolution over several steps costs as many times too much as it has channels; images are free.
#
# Guess: the mult-adds of a network that takes all steps at once, (T, N, ...), are T times those of one step, and grow
# with the batch. Seen: of a layer's output, a convolution's are multiplied by the first dimension and by all from the
# third on, which in (T, N, C, H, W) leaves out the images and takes the channels in; a linear layer's by the first
# dimension alone, the steps. A network of SpikingJelly 2.0.0 with 16 channels costs 10.6 times what its four steps cost
# one by one, and three images as much as one. With 256 channels the energy by which it is compared, in operations or
# in joules, is two orders of magnitude off, and by which factor depends on the mix of its layers.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 torchinfo==1.8.0 numpy==2.4.6 loguru==0.7.3 tqdm==4.70.1
"$folder/venv/bin/pip" install --quiet --no-deps spikingjelly==2.0.0
"$folder/venv/bin/python" -W ignore - 2> "$folder/log" <<'PYTHON' || { cat "$folder/log"; exit 1; }
import torch
from spikingjelly.activation_based import functional, layer, neuron
from torch import nn
from torchinfo import summary

pixels = 8 * 8


def network(channels):
    return nn.Sequential(
        layer.Conv2d(2, channels, 3, padding=1, bias=False),
        neuron.IFNode(),
        layer.Flatten(),
        layer.Linear(channels * pixels, 10, bias=False),
    )


def counted(channels, mode, *leading):
    made = network(channels)
    functional.set_step_mode(made, mode)
    spikes = made(torch.zeros(*leading, 2, 8, 8))
    assert spikes.shape == (*leading, 10)
    functional.reset_net(made)
    return summary(made, (*leading, 2, 8, 8), verbose=0).total_mult_adds


def convolution(channels):
    return 2 * channels * 9 * pixels


def linear(channels):
    return channels * pixels * 10


for channels in 16, 256:
    step, steps = counted(channels, "s", 1), counted(channels, "m", 4, 1)
    print(f"{channels} channels: {step} in a step, {steps} in four, {steps / (4 * step):.1f} times too many")
    assert step == convolution(channels) + linear(channels)
    assert steps == 4 * (channels * convolution(channels) + linear(channels))
one, three = counted(16, "m", 4, 1), counted(16, "m", 4, 3)
print(f"four steps of one image {one}, of three images {three}; single steps of three {counted(16, 's', 3)}")
assert one == three
assert counted(16, "s", 3) == 3 * (convolution(16) + linear(16))
PYTHON
