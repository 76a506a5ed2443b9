#!/usr/bin/env bash
# Norse 1.1: a pair of spikes changes a weight by a tenth where the time step is a tenth.
#
# Guess: `stdp_step_linear` with `dt` integrates traces in time, so that a spike before another by 10 ms changes the weight
# by about eta * a * exp(-10 ms / tau), whatever the step. Seen: a spike adds dt / tau * a to its trace, not a, so that the
# change goes with the step: with tau = 50 ms and steps of 1 ms a pair learns a fiftieth of `eta_plus`, with 0.1 ms a
# five-hundredth. The synaptic current of the same library's neurons jumps by the weight at any step (less the decay of that
# step). Learning rates that were tuned at one step are others at another.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 nirtorch==2.6 nir==1.0.8 numpy==2.4.6 h5py==3.16.0 matplotlib==3.11.2
"$folder/venv/bin/pip" install --quiet --no-deps norse==1.1.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from math import exp

import torch
from norse.torch.functional.lif import LIFFeedForwardState, LIFParameters, lif_feed_forward_step
from norse.torch.functional.stdp import STDPParameters, STDPState, stdp_step_linear

TAU, APART, ETA = 50e-3, 10e-3, 1e-3


def change(dt):
    """Of a weight of 0.5 by a presynaptic spike and, 10 ms later, a postsynaptic one."""
    weight, state = torch.full((1, 1), 0.5), STDPState(torch.zeros(1, 1), torch.zeros(1, 1))
    rule, steps = STDPParameters(eta_plus=ETA, eta_minus=ETA), round(APART / dt)
    for step in range(steps + 1):
        spike = lambda now: torch.full((1, 1), float(now))
        weight, state = stdp_step_linear(spike(step == 0), spike(step == steps), weight, state, rule, dt)
    return weight.item() - 0.5


changes = {dt: change(dt) for dt in (1e-3, 5e-4, 1e-4)}
expected = ETA * exp(-APART / TAU)
for dt, found in changes.items():
    print(f"steps of {dt * 1e3:.1f} ms: {found:.2e}, {found / expected:.4f} of eta * exp(-10 ms / tau); dt / tau is {dt / TAU:.4f}")
    assert abs(found / expected / (dt / TAU) - 1) < 0.06
assert 9 < changes[1e-3] / changes[1e-4] < 11

rest = LIFFeedForwardState(torch.zeros(1), torch.zeros(1))
jumps = [lif_feed_forward_step(torch.ones(1), rest, LIFParameters(), dt)[1].i.item() for dt in (1e-3, 1e-4)]
print("a synaptic current's jump by a weight of 1, less its decay in the step:", [round(jump, 2) for jump in jumps])
assert jumps[0] > 0.79 and jumps[1] > 0.97
PYTHON
