#!/usr/bin/env bash
# sinabs 3.1: after a batch of another size, neurons start from states drawn at random from the batch before.
#
# Guess: a layer that is called with 3 samples after 8 starts anew, or refuses. Seen: each of the 3 takes the membrane
# potential of a random one of the 8 (StatefulLayer.handle_state_batch_size_mismatch), so that the last, smaller batch
# of an evaluation gives other spikes in every run that does not reset the states and seed torch.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet sinabs==3.1.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from sinabs.activation import SingleSpike
from sinabs.layers import IAF


def spikes(seed):
    torch.manual_seed(seed)
    layer = IAF(spike_fn=SingleSpike)
    layer(torch.linspace(0.0, 0.9, 8).view(8, 1, 1))
    return tuple(layer(torch.full((3, 1, 1), 0.5)).flatten().tolist())


found = [spikes(seed) for seed in range(4)]
print("spikes of three equal samples, by seed:", *found)
assert len(set(found)) > 1
PYTHON
