#!/usr/bin/env bash
# pytorch-spiking 0.1.0: with a given initial state each run starts where the last one ended, and changes the state given.
#
# `SpikingActivation(activation, initial_state=...)` takes the "initial spiking voltage state"; without it, voltages are
# random at the start of each run. Guess: with zeros given, runs are reproducible: the same input has the same spikes. Seen:
# voltages are added up in the tensor that was given, so the next run starts from what this one left. The same input gives
# 1 spike in the first run and 2 in a later one, what a sample gives depends on those before it in its place of the batch,
# and a second layer that was given the same tensor starts from the first one's end. The caller's own tensor changes, too.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0
"$folder/venv/bin/pip" install --quiet --no-compile numpy==2.4.6
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps pytorch-spiking==0.1.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from pytorch_spiking import SpikingActivation

zeros = torch.zeros(1, 1)
layer = SpikingActivation(torch.relu, dt=0.125, initial_state=zeros).eval()
inputs = torch.full((1, 5, 1), 2.0)  # a quarter of a spike in each step
fresh = SpikingActivation(torch.relu, dt=0.125, initial_state=torch.zeros(1, 1)).eval()(inputs)
counts = []
for run in range(4):
    spikes = layer(inputs)
    counts.append(int(spikes.sum() * 0.125))
    print(f"run {run}: spikes {(spikes * 0.125).int().flatten().tolist()}, the state that was given: {zeros.item()}")
assert torch.equal(fresh * 0.125, torch.tensor([0.0, 0, 0, 1, 0]).reshape(1, 5, 1))
assert counts == [1, 1, 1, 2] and zeros.item() == 0 and layer(inputs).equal(fresh) and zeros.item() == 0.25
other = SpikingActivation(torch.relu, dt=0.125, initial_state=zeros).eval()
print("another layer with the same state:", (other(inputs) * 0.125).int().flatten().tolist())
assert not other(inputs).equal(fresh)
PYTHON
