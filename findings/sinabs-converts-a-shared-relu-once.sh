#!/usr/bin/env bash
# sinabs 3.1.3: `from_model` leaves a ReLU that is used twice as a ReLU, where it is used again.
#
# Guess: "all ReLUs [are] turned into SpikingLayers", so that after `act = nn.ReLU()` a Sequential(conv, act, conv, act,
# ...) has spiking layers in both places, as the network has activations there; or the reuse is refused. Seen: children
# are listed once each, so that of a module under two names the first is replaced and the second stays. The network
# runs, and behind its second layer there are real numbers where spikes should be: what is measured of it is no spiking
# network. Nothing warns.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet sinabs==3.1.3 nir==1.0.4 nirtorch==2.0.2 numpy==2.4.6 h5py==3.16.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from sinabs.from_torch import from_model
from torch import nn


def network(first, second):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), first, nn.Linear(8, 8), second, nn.Linear(8, 3))


act = nn.ReLU()
sample = torch.rand(50, 4)
found = {}
for name, activations in ("two ReLUs", (nn.ReLU(), nn.ReLU())), ("one, used twice", (act, act)):
    spiking = from_model(network(*activations), batch_size=1).spiking_model
    with torch.no_grad():
        hidden = spiking[:4](sample)
    found[name] = [type(spiking[place]).__name__ for place in (1, 3)], torch.equal(hidden, hidden.round())
    print(f"{name}: {found[name][0]}, whole numbers of spikes behind the second: {found[name][1]}")
assert found == {"two ReLUs": (["IAFSqueeze", "IAFSqueeze"], True), "one, used twice": (["IAFSqueeze", "ReLU"], False)}
PYTHON
