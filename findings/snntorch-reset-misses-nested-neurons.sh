#!/usr/bin/env bash
# snnTorch 1.0: `utils.reset` does not reset neurons inside of a block.
#
# Guess: all hidden states of a network are zeroed. Seen: only the direct children of the module are looked at;
# a neuron in a Sequential in a Sequential keeps its potential, so that the next batch starts where the last one
# ended. It is reset by accident where a neuron of the same class is a direct child.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet snntorch==1.0.0 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import snntorch as snn
import torch
from snntorch import utils

neuron = snn.Leaky(beta=1.0, threshold=10.0, init_hidden=True)
network = torch.nn.Sequential(torch.nn.Sequential(neuron))
network(torch.ones(1, 1))
utils.reset(network)
network(torch.ones(1, 1))
print("potential after reset and one input of 1:", neuron.mem.item())
assert neuron.mem.item() == 2
PYTHON
