#!/usr/bin/env bash
# sinabs 3.1.3: `normalize_weights` changes what a network with biases decides.
#
# Guess: layers are scaled so that no activation is above 1 (percentile=100), which "roughly follows" Rueckauer et al.:
# with the scales of both sides of a layer for its weights and that of its output for its bias, so that every activation
# is its old one up to a factor and the decision is kept. Seen: weights and bias of a layer are divided by the same
# number, that of its output, measured after the layers before were scaled. So a bias is as large as it was where its
# inputs are smaller: here it wins 5 to 1 where it had lost 5 to 10. Without biases nothing of this happens.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet sinabs==3.1.3 nir==1.0.4 nirtorch==2.0.2 numpy==2.4.6 h5py==3.16.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import copy

import torch
from sinabs.utils import normalize_weights
from torch import nn

network = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 2), nn.ReLU())
for layer, weight, bias in (network[0], [[1.0]], [0.0]), (network[2], [[1.0], [0.0]], [0.0, 5.0]):
    layer.weight.data, layer.bias.data = torch.tensor(weight), torch.tensor(bias)
sample = torch.tensor([[10.0]])

normalized = copy.deepcopy(network)
normalize_weights(normalized, sample, ["1", "3"], ["0", "2"], percentile=100)

by_hand, before = copy.deepcopy(network), 1.0
for place in 0, 2:
    largest = network[: place + 2](sample).max().item()
    by_hand[place].weight.data *= before / largest
    by_hand[place].bias.data /= largest
    before = largest

outputs = [[round(value, 3) for value in each(sample)[0].tolist()] for each in (network, normalized, by_hand)]
print("outputs:", outputs[0], "after normalize_weights:", outputs[1], "with both scales:", outputs[2])
assert outputs == [[10.0, 5.0], [0.2, 1.0], [1.0, 0.5]]
PYTHON
