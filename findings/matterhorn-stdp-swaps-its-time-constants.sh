#!/usr/bin/env bash
# matterhorn-pytorch 2.0.0: `tau_pos` of STDP is the time constant of weakening, and a time constant of 1 never decays.
#
# The README promises A+ exp(-x / tau+) for a spike x steps after its cause and -A- exp(x / tau-) for one before. Guess:
# `tau_pos=2` and `tau_neg=4` give a curve that falls to 37 % in 2 steps on the side of strengthening and in 4 on the
# other. Seen: the trace of inputs, which strengthens, decays with `tau_neg`, and that of outputs with `tau_pos`. Each is
# divided by its constant in a step, not multiplied by exp(-1 / tau), and the first step decays nothing: 2 steps halve,
# what should leave 61 %. At a constant of 1 a spike strengthens for ever, and below 1, which is a legal and a short time,
# its effect grows: at 0.5 it is 64 times as strong after 7 steps.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0
"$folder/venv/bin/pip" install --quiet --no-compile numpy==2.4.6
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps matterhorn-pytorch==2.0.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import math

import torch
from matterhorn_pytorch.training.functional import stdp_online


def change(steps, tau_pos, tau_neg):
    """What one pair of spikes does to a weight, where the output fires `steps` after the input."""
    weight, traces = torch.zeros(1, 1), (torch.zeros(1, 1, 1), torch.zeros(1, 1, 1))
    for t in range(20):
        spikes = torch.full((1, 1), float(t == 10)), torch.full((1, 1), float(t == 10 + steps))
        weight, *traces = stdp_online(weight, *traces, *spikes, 1.0, tau_pos, 1.0, tau_neg)
    return weight.item()


for steps in (1, 2, 3, -1, -2, -3):
    found = change(steps, tau_pos=2.0, tau_neg=4.0)
    promised = math.exp(-steps / 2) if steps > 0 else -math.exp(steps / 4)
    print(f"output {steps:+d} steps after the input: {found:+.4f} in place of {promised:+.4f}")
    assert found == (4.0 ** (1 - steps) if steps > 0 else -(2.0 ** (1 + steps)))
print("7 steps, constants of 1 and 0.5:", change(7, 1.0, 1.0), change(7, 0.5, 0.5))
assert change(7, 1.0, 1.0) == 1.0 and change(7, 0.5, 0.5) == 64.0
PYTHON
