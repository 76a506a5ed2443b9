#!/usr/bin/env bash
# PySNN 0.1.1: a synapse with a delay holds one spike; those that come before it is out delay it, and are lost.
#
# A connection's delay is the "time it takes for a spike to propagate". Guess: its output is its input, so many steps later.
# Seen: each synapse counts down to its spike, and another spike adds its own delay to the count: two spikes a step apart
# come out as one, at the sum of both delays. An input that fires at least as often as the delay is long gives no spike at
# all until it pauses. Delays of 0 are right, and delays with single spikes, which is how one would try them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps pysnn==0.1.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from pysnn.connection import Linear


def arrivals(delay, times, steps=20):
    """Steps at which spikes of one input come out of a synapse with weight 1."""
    synapse = Linear(1, 1, batch_size=1, dt=1, delay=delay)
    synapse.weight.fill_(1.0)
    potentials = [synapse(torch.full((1, 1, 1), step in times), torch.zeros(1, 1, 1))[0].item() for step in range(steps)]
    return [step for step, potential in enumerate(potentials) if potential]


found = {}
for delay in 0, 3:
    for times in (0,), (0, 1), (0, 5), tuple(range(10)):
        found[delay, times] = arrivals(delay, times)
        print(f"delay {delay}, spikes in steps {times}: out in steps {found[delay, times]}")
    assert found[delay, (0,)] == [delay] and found[delay, (0, 5)] == [delay, 5 + delay]
assert found[0, (0, 1)] == [0, 1] and len(found[0, tuple(range(10))]) == 10
assert found[3, (0, 1)] == [7] and found[3, tuple(range(10))] == []
PYTHON
