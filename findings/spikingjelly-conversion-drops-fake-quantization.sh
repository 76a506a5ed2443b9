#!/usr/bin/env bash
# SpikingJelly 2.0.0: a network from quantization-aware training loses its quantization when `ann2snn` converts it.
#
# Guess: layers that PyTorch's `prepare_qat` made, whose forward rounds the weight, keep that, or are refused as most
# unknown modules are. Seen: every layer of PyTorch's that is a subclass of `nn.Conv2d` or `nn.Linear` gets the class
# `layer.Conv2d` or `layer.Linear` instead of its own, so that its forward is another. The spiking network multiplies
# with the weights as they were before rounding, at thresholds that were calibrated with the rounded ones, and still
# lists its `weight_fake_quant`. Where a channel's 25 weights had 3 levels, the spiking network has 25; after 200 steps
# its outputs are half a norm off those of the network, and a hundredth off those without rounding.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6 loguru==0.7.3 tqdm==4.70.1 requests==2.34.2
"$folder/venv/bin/pip" install --quiet --no-deps spikingjelly==2.0.0
"$folder/venv/bin/python" -W ignore - 2> "$folder/log" <<'PYTHON' || { cat "$folder/log"; exit 1; }
import torch
from spikingjelly.activation_based import functional
from spikingjelly.activation_based.ann2snn import Converter
from spikingjelly.activation_based.ann2snn.recipes import RateCodingRecipe
from torch import nn
from torch.ao.quantization import FakeQuantize, PerChannelMinMaxObserver, QConfig, prepare_qat

torch.manual_seed(0)
grid = {"dtype": torch.qint8, "quant_min": -1, "quant_max": 1, "qscheme": torch.per_channel_symmetric}
ternary = FakeQuantize.with_args(observer=PerChannelMinMaxObserver, **grid)
images, steps = torch.rand(64, 1, 12, 12), 200
plain = nn.Sequential(nn.Conv2d(1, 8, 5), nn.ReLU(), nn.Flatten(), nn.Linear(512, 10))
plain.qconfig = QConfig(activation=nn.Identity, weight=ternary)
network = prepare_qat(plain.train())
network(images)
network.eval()


def spikes(network):
    functional.reset_net(network)
    return torch.stack([network(images) for _ in range(steps)]).mean(0)


def distance(ours, theirs):
    return float((ours - theirs).norm() / theirs.norm())


def levels(weight):
    return int(max(len(channel.unique()) for channel in weight.flatten(1)))


with torch.no_grad():
    spiking = Converter(RateCodingRecipe(dataloader=[images])).convert(network)
    layer = spiking.get_submodule("0")
    used = layer(torch.eye(25).view(25, 1, 5, 5)) - layer.bias.view(-1, 1, 1)
    rounded = network[0].weight_fake_quant(network[0].weight)
    print(f"{type(network[0])} -> {type(layer)}, with {[name for name, _ in layer.named_children()]}")
    print(f"levels of a channel's weights: {levels(rounded)} in the network, {levels(used.flatten(1).T)} in the spiking one")
    wanted = network(images)
    given = spikes(spiking)
    for part in (network[0], network[3]):
        part.weight_fake_quant.disable_fake_quant()
        part.weight_fake_quant.disable_observer()
    unrounded = network(images)
print(f"outputs after {steps} steps are {distance(given, wanted):.2f} off the network's, in norms of them")
print(f"... and {distance(given, unrounded):.2f} off those of the network without its rounding")
assert levels(rounded) == 3 and levels(used.flatten(1).T) == 25
assert distance(given, wanted) > 5 * distance(given, unrounded)
PYTHON
