#!/usr/bin/env bash
# snnTorch 1.0.0: a `Lapicque` does not decay by its beta; at 0.3 its potential changes sign, at 0.1 it grows.
#
# Guess: `Lapicque(beta=0.5)`, the "RC potential decay rate" between 0 and 1, keeps half of its potential at each step,
# as `Leaky(beta=0.5)` does. Seen: beta becomes the time constant of exp(-1 / RC), and the step is Euler's, 1 - 1 / RC,
# which is 1 + ln(beta). At 0.9 that is 0.895, at 0.5 it is 0.307, below 0.37 it is negative, and below 0.14 beyond -1:
# without any input the potential swings ever higher, and a neuron that should forget at once fires for it. The
# documentation has both formulas, and the range [0, 1]; nothing checks or warns.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0 snntorch==1.0.0 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import snntorch
import torch


def potentials(neuron, steps=6):
    membrane, seen, spikes = torch.full((1,), 0.9), [], 0
    for _ in range(steps):
        fired, membrane = neuron(torch.zeros(1), membrane)
        seen.append(round(membrane.item(), 3))
        spikes += int(fired)
    return seen, spikes


for beta in (0.9, 0.5, 0.3, 0.1):
    leaky, _ = potentials(snntorch.Leaky(beta=beta))
    lapicque, spikes = potentials(snntorch.Lapicque(beta=beta))
    print(f"beta {beta}, no input, from 0.9: Leaky {leaky}, Lapicque {lapicque} with {spikes} spikes")
    assert abs(leaky[0] - 0.9 * beta) < 1e-3
    assert (lapicque[0] < 0) == (beta < 0.37)
    assert (spikes > 0) == (beta == 0.1)
PYTHON
