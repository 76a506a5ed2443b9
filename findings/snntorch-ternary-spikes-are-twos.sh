#!/usr/bin/env bash
# snntorch-ternary 0.1.3: ternary spikes are -2, 0 and 2, and with reset to zero the potential triples at each step.
#
# Guess: `TernaryLeaky` sends "spikes in {-1, 0, +1}", and a spike takes one threshold off the potential, or all of it.
# Seen: its default surrogate is ternary itself, 1 above 0 and -1 below, and is asked once for each of the two
# thresholds, so that a potential above the upper one counts for both. Every spike is a 2, also in its reset: from 1.5
# thresholds 2 are taken, which leaves -0.5. With reset_mechanism="zero" the potential is multiplied by 1 - 2 after a
# positive spike and by 1 + 2 after a negative one: one spike, and the neuron fires for ever. It needs an older numpy by
# its metadata, and runs with this one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet snntorch==1.0.0 numpy==2.4.6
"$folder/venv/bin/pip" install --quiet --no-deps snntorch-ternary==0.1.3
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from snntorch_ternary import TernaryLeaky


def run(reset, first):
    neuron = TernaryLeaky(beta=1.0, threshold=1.0, reset_mechanism=reset)
    potential, found = neuron.reset_mem(), []
    for value in [first, 0.0, 0.0, 0.0]:
        spike, potential = neuron(torch.tensor([value]), potential)
        found.append((int(spike), float(potential)))
    return found


for reset, first in ("subtract", 1.5), ("subtract", -1.5), ("zero", 1.5), ("zero", -1.5):
    print(f"{reset}, one input of {first}: spikes and potentials", run(reset, first))
assert run("subtract", 1.5) == [(2, 1.5)] + 3 * [(0, -0.5)]
assert run("zero", 1.5) == [(2, 1.5), (-2, -1.5), (-2, -4.5), (-2, -13.5)]
assert run("zero", -1.5) == [(-2, -1.5), (-2, -4.5), (-2, -13.5), (-2, -40.5)]
PYTHON
