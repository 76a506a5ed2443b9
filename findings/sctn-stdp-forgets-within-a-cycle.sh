#!/usr/bin/env bash
# sctn 0.1.4: STDP with a time constant "in seconds" learns of spikes of one and the same cycle alone.
#
# `set_stdp` of a neuron takes `tau`, "in seconds", and the clock's frequency. Guess: at 1,000 Hz and a tau of 0.02 s a spike
# 20 cycles before the neuron's own changes the weight by 1/e of what one at the same time does, and at 10,000 Hz
# one 200 cycles before it. Seen: the trace decays by exp(-1 / tau) a cycle; the length of a cycle is calculated from the
# frequency, is kept and is not used. With 0.02 it is down to 2e-22 after a cycle, and any order of spikes, before or after,
# leaves weights as they were. In cycles, tau = 20, it learns as it should, at each frequency the same. The supervised rule
# has the same lines. No warning: a network whose tau is in seconds just does not learn.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile numpy==1.26.4 numba==0.61.2
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps sctn==0.1.4
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
from sctn.learning_rules.stdp import STDP

RISE, FALL = 0.5, -0.25


def change(gap, tau, clock):
    """The weight's change if the input's spike comes `gap` cycles before the neuron's, or after it if below 0."""
    rule = STDP(np.zeros(1), RISE, FALL, tau, clock, 1.0, -1.0)
    first = 5
    for cycle in range(first + abs(gap) + 5):
        before, after = cycle == first + max(-gap, 0), cycle == first + max(gap, 0)
        rule.tick(np.array([float(before)]), float(after))
    return float(rule.synapses_weights[0])


seconds = 0.02
for clock in (1_000, 10_000):
    cycles = seconds * clock
    gaps = [round(cycles * share) for share in (0, 0.5, 1, 2, -0.5, -1)]
    wanted = [(RISE if gap >= 0 else FALL) * np.exp(-abs(gap) / cycles) for gap in gaps]
    found, told = ([change(gap, tau, clock) for gap in gaps] for tau in (seconds, cycles))
    print(f"{clock} Hz, the input's spike {gaps} cycles before: wanted {np.round(wanted, 3).tolist()}")
    print(f"  tau=0.02: {np.round(found, 3).tolist()}, tau={cycles:.0f}: {np.round(told, 3).tolist()}")
    assert np.isclose(found[0], RISE) and np.abs(found[1:]).max() < 1e-20
    assert np.allclose(told[:4], wanted[:4]) and np.allclose(told[4:], wanted[4:], rtol=0.1)
PYTHON
