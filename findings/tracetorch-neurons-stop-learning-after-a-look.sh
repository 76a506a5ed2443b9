#!/usr/bin/env bash
# traceTorch 0.19.2: neurons never learn again after `TTcompile` and `TTdecompile`, the library's way to a faster test.
#
# `TTdecompile` is to "restore training capabilities". Guess: a network that is compiled for a test after each epoch and
# decompiled for the next one learns as one that is not. Seen: decompiling makes new parameters for decays, thresholds
# and biases of neurons. An optimizer made before, which is where they are made, holds the old ones. Weights of linear
# layers go on learning, the loss falls, each neuron's parameter has a gradient, and none moves any more; all learning of
# time constants is over after the first test. No warning. The documentation of a version that is not out promises that
# parameters are not replaced, "so existing optimizers remain valid".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0
"$folder/venv/bin/pip" install --quiet --no-compile numpy==2.4.6 scipy==1.17.1 matplotlib==3.11.2
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps tracetorch==0.19.2
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
import tracetorch as tt
from torch import nn


class Network(tt.Model):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, 4), tt.snn.LIB(4))

    def forward(self, x):
        return self.layers(x)


def train(tested):
    """How far weights and the parameters of neurons move in the second of two epochs."""
    torch.manual_seed(0)
    network = Network()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    for _ in range(2):
        before = network.layers[0].weight.clone(), *(getattr(network.layers[1], name).clone() for name in names)
        for _ in range(10):
            network.zero_states()
            optimizer.zero_grad()
            sum(network(torch.ones(2, 3)).sum() for _ in range(4)).backward()
            optimizer.step()
        after = network.layers[0].weight, *(getattr(network.layers[1], name) for name in names)
        if tested:
            network.TTcompile()
            network.TTdecompile()
    return {name: (x - y).abs().max().item() for name, x, y in zip(("weight", *names), before, after, strict=True)}


names = "beta", "threshold", "bias"
for tested in False, True:
    moved = train(tested)
    print("tested between epochs:" if tested else "never tested:", {name: round(size, 4) for name, size in moved.items()})
    assert moved["weight"] > 0.01 and all((moved[name] == 0) == tested for name in names)
PYTHON
