#!/usr/bin/env bash
# SuperNeuroMAT 3.5.0: delays that are set for all synapses are kept and shown, and change nothing.
#
# Weights are quantized and delays are rounded by `snn.synapses.weights = ...` and `snn.synapses.delays = ...`, which
# checks that a delay is a whole number and not negative. Guess: a spike then takes that many steps, as after
# `create_synapse(delay=4)`, or the change is refused, as `snn.synapses[0].delay = 4` is. Seen: a delay of 4 stands in
# the list, in the synapse and in the table that is printed, and the spike arrives after 1 step: delays exist only as
# chains of hidden neurons, which `create_synapse` alone makes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile superneuromat==3.5.0 numpy==2.4.6 scipy==1.17.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
from superneuromat import SNN


def pair(**options):
    snn = SNN()
    first, second = snn.create_neuron(), snn.create_neuron()
    snn.create_synapse(first, second, **options)
    snn.add_spike(0, first, 1.0)
    return snn


def arrival(snn):
    snn.simulate(8)
    return int(np.flatnonzero(snn.ispikes[:, 1])[0])


created, changed = pair(delay=4), pair()
changed.synapses.delays = [4]
told = changed.synapses[0].delay
print(changed.synapse_info())
steps = arrival(created), arrival(changed)
print(f"created with a delay of 4: the spike takes {steps[0]} steps; changed to a delay of {told}: {steps[1]}")
assert told == 4 and steps == (4, 1)
try:
    changed.synapses[0].delay = 3
except ValueError as refusal:
    print("one synapse alone:", refusal)
else:
    raise AssertionError("the delay of one synapse can be changed now")
PYTHON
