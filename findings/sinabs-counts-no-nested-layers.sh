#!/usr/bin/env bash
# sinabs 3.1.3: the counter of synaptic operations finds 0 in layers that are one Sequential further down.
#
# Guess: `register_synops_hooks` counts the convolutions and linear layers of a Sequential, as its documentation says,
# or refuses what it does not count. Seen: it looks at the direct children alone; the same convolution in a Sequential of
# its own, as blocks are written, has 0 operations, without a warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet sinabs==3.1.3 nir==1.0.4 nirtorch==2.0.2 numpy==2.4.6 h5py==3.16.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from sinabs.hooks import register_synops_hooks
from torch import nn

torch.manual_seed(0)
conv, spikes = nn.Conv2d(2, 4, 3, bias=False), (torch.rand(6, 2, 8, 8) < 0.3).float()


def operations(network):
    register_synops_hooks(network)
    with torch.no_grad():
        network(spikes)
    return float(network.hook_data["total_synops_per_timestep"])


flat, nested = operations(nn.Sequential(conv)), operations(nn.Sequential(nn.Sequential(conv)))
print(f"one convolution: {flat:.1f} operations a step; in a Sequential of its own: {nested:.1f}")
assert flat > 100
assert nested == 0
PYTHON
