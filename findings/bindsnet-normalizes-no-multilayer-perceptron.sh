#!/usr/bin/env bash
# bindsnet 0.3.4: `ann_to_snn` scales nothing in a Sequential of linear layers, whatever data it is given.
#
# Guess: with `data`, weights are scaled so "that the max ReLU activation is less than 1", however the network is written.
# Seen: of the layers that a network has directly, only convolutions are ever remembered as what a ReLU belongs to, so that
# Sequential(Linear, ReLU, Linear) leaves as it came: hidden neurons whose activation is above 1 fire at every step, and
# the network decides otherwise. In a Sequential one level further down the same layers are scaled, and the decisions stay.
# The bias of a convolution is divided twice in front of a linear layer. No warning; the one that there is, is for no data.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0 numpy==2.4.6 scipy==1.17.1 tqdm==4.70.1
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps bindsnet==0.3.4
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.util import find_spec
from types import ModuleType

# The package imports all of its parts, with environments and datasets; its folder alone is enough here.
package = ModuleType("bindsnet")
package.__path__ = find_spec("bindsnet").submodule_search_locations
sys.modules["bindsnet"] = package
import torch
from bindsnet.conversion import ann_to_snn, data_based_normalization
from torch import nn


def layers():
    torch.manual_seed(0)
    return nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 4)


torch.manual_seed(1)
data, steps = 8 * torch.randn(100, 6), 200
flat, nested = nn.Sequential(*layers()), nn.Sequential(nn.Sequential(*layers()))
wanted = flat(data).argmax(1)
same = {}
for name, network in {"flat": flat, "nested": nested}.items():
    spiking = ann_to_snn(network, (6,), data, percentile=100)
    spiking.run({"Input": data.expand(steps, 100, 6)}, time=steps)
    same[name] = (list(spiking.layers.values())[-1].summed.argmax(1) == wanted).float().mean().item()
print("the same decisions as the network itself, of 100 inputs:", {name: f"{each:.1%}" for name, each in same.items()})
assert same["flat"] < 0.8 and same["nested"] > 0.95

before = [each.clone() for each in flat.parameters()]
data_based_normalization(flat, data, percentile=100)
print("weights that data_based_normalization changed: none")
assert all(map(torch.equal, before, flat.parameters()))

images = torch.rand(50, 1, 6, 6)
network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(32, 4))
weight, bias = (each.detach().clone() for each in network[0].parameters())
largest = network[:2](images).max().item()
data_based_normalization(network, images, percentile=100)
factors = [float((old / new).mean()) for old, new in zip((weight, bias), network[0].parameters())]
print(f"largest activation {largest:.4f}: weights are divided by {factors[0]:.4f}, biases by {factors[1]:.4f}")
assert abs(factors[0] - largest) < 1e-4 and abs(factors[1] - largest**2) < 1e-4
PYTHON
