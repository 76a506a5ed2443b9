#!/usr/bin/env bash
# SpikingJelly 2.0.0: folding a batch norm into its `WSConv2d` makes another network.
#
# Guess: `fuse_conv_bn_eval_modules`, for SpikingJelly's convolutions in evaluation mode, gives a network of the same
# spikes, or leaves alone what it cannot fold. Seen: `WSConv2d` is taken as the `Conv2d` that it is derived from. The
# batch norm goes into its parameter, the layer stays one that standardizes its weights as it runs, and so takes the
# scale of the batch norm out again; the shift stays. With a plain `Conv2d` in its place all spikes are the same, with the
# `WSConv2d` 187 of 2,716 are left. What is quantized or put on a chip after folding is not the network
# that was trained.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6 loguru==0.7.3
"$folder/venv/bin/pip" install --quiet --no-deps spikingjelly==2.0.0
"$folder/venv/bin/python" -W ignore - 2> "$folder/log" <<'PYTHON' || { cat "$folder/log"; exit 1; }
import torch
from spikingjelly.activation_based import functional, layer, neuron
from spikingjelly.activation_based.functional.conv_bn_fusion import fuse_conv_bn_eval_modules
from torch import nn

torch.manual_seed(0)
torch.set_grad_enabled(False)
images = torch.rand(4, 16, 1, 8, 8)
for kind in layer.Conv2d, layer.WSConv2d:
    network = nn.Sequential(kind(1, 8, 3, bias=False), layer.BatchNorm2d(8), neuron.IFNode())
    functional.set_step_mode(network, "m")
    network.train()
    for _ in range(100):
        functional.reset_net(network)
        network(images)
    network.eval()
    folded = fuse_conv_bn_eval_modules(network)
    functional.reset_net(network)
    before = network(images)
    functional.reset_net(folded)  # it has the same neurons
    after = folded(images)
    differ = int((before != after).sum())
    print(f"{kind.__name__}: {int(before.sum())} spikes, folded {int(after.sum())}, {differ} of {before.numel()} differ")
    assert not any(isinstance(part, nn.BatchNorm2d) for part in folded.modules())
    assert (kind is layer.Conv2d and differ <= 3) or after.sum() < 0.5 * before.sum()
PYTHON
