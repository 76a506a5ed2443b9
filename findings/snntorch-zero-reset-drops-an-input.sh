#!/usr/bin/env bash
# snnTorch 1.0: with reset_mechanism="zero", a Synaptic or Lapicque loses the input of the step after a spike.
#
# Guess: a Synaptic whose current does not stay (alpha = 0) is the Leaky of the same beta. Seen: a Leaky sets its
# potential to 0 and then charges it, a Synaptic and a Lapicque charge it and then set it to 0. At an input above the
# threshold a Leaky fires in all of 8 steps, a Synaptic in every other: it has a refractory step that nobody asked for.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 snntorch==1.0.0 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import snntorch
import torch

options = {"init_hidden": True, "reset_mechanism": "zero"}
neurons = {
    "Leaky": snntorch.Leaky(beta=0.5, **options),
    "Synaptic": snntorch.Synaptic(alpha=0.0, beta=0.5, **options),
    "Lapicque": snntorch.Lapicque(beta=0.5, R=1.0, time_step=1.0, **options),
}
seen = {}
for name, neuron in neurons.items():
    with torch.no_grad():
        seen[name] = [int(neuron(torch.tensor([3.0]))) for _ in range(8)]
    print(name, seen[name])
assert seen["Leaky"] == [1] * 8
assert seen["Synaptic"] == seen["Lapicque"] == [1, 0] * 4
PYTHON
