#!/usr/bin/env bash
# brian2-loihi 0.5.2 ("exact match to Loihi" in its README): currents and potentials have no bounds, while the chip
# keeps 24 bits of each (nengo-loihi 1.1.0: U_BITS = 23 and sign).
#
# One neuron with a decay of current of 0, so that its current only grows, and 15 inputs of the largest weight: after a
# few steps the current is beyond 2**23 - 1, which a 24-bit register cannot hold. The emulator counts on, and fires at
# steps at which a current that wrapped would hold the neuron down. Every parameter is in the emulator's own range.
# It needs numpy 1.x: brian2 2.9.0, which pip takes, fails to import with numpy 2.4 (ndarray.ptp is gone).
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet brian2-loihi==0.5.2 brian2==2.9.0 numpy==1.26.4
"$folder/venv/bin/python" - <<'PY'
import numpy as np
from brian2 import prefs

prefs.codegen.target = "numpy"
from brian2_loihi import LoihiNetwork, LoihiNeuronGroup, LoihiSpikeGeneratorGroup, LoihiStateMonitor, LoihiSynapses

inputs, steps = 15, 20
times, which = np.divmod(np.arange(inputs * steps), inputs)
source = LoihiSpikeGeneratorGroup(inputs, which, times)
neuron = LoihiNeuronGroup(1, threshold_v_mant=131071, decay_v=4096, decay_I=0)
synapses = LoihiSynapses(source, neuron, w_exp=7, sign_mode=2, num_weight_bits=8)
synapses.connect()
synapses.w = np.full(inputs, 255)
current = LoihiStateMonitor(neuron, "I")
LoihiNetwork(source, neuron, synapses, current).run(steps)
largest = int(np.max(current.I))
print(f"largest current {largest}, a 24-bit register holds {2**23 - 1}")
assert largest > 2**23 - 1, "currents are bounded now"
PY
