#!/usr/bin/env bash
# snnTorch 1.0.0: with reset_delay=False and reset by subtraction, a neuron can stay above its threshold and be silent.
#
# Guess: 3.5 thresholds give three spikes, with a delay of the reset or without. Seen: three with it, two without, and
# then a potential of 1.5 thresholds for ever. `Leaky.forward` subtracts for a potential that is above the threshold
# when a step begins, as it does for a delayed reset, and adds the threshold again where no spike follows ("avoid double
# reset"); so what is above the threshold after a spike never gets away from it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet snntorch==1.0.0 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import snntorch
import torch

counts, potentials = {}, {}
for delay in (True, False):
    neuron = snntorch.Leaky(beta=1.0, threshold=1.0, reset_mechanism="subtract", reset_delay=delay)
    potential, spikes = neuron.reset_mem(), 0
    for value in [3.5] + 19 * [0.0]:
        spike, potential = neuron(torch.tensor([value]), potential)
        spikes += int(spike)
    counts[delay], potentials[delay] = spikes, float(potential)
print("spikes in 20 steps, by reset_delay:", counts, "potential at the end:", potentials)
assert counts == {True: 3, False: 2}
assert potentials == {True: 0.5, False: 1.5}
PYTHON
