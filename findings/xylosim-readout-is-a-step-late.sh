#!/usr/bin/env bash
# xylosim 0.1.3: hidden spikes reach the readout one step late, and events are decayed before the membrane sees them.
#
# One input event of weight 64 reaches a hidden neuron (threshold 16) that drives an output neuron (threshold 16).
# Expected by whoever reads "spikes in, spikes out" step by step: current 64 in the step of the event, and the output
# fires in the step in which the hidden neuron fires. Seen: with dash_syn 1 the current is 32 in that very step, with
# dash_syn 0 it is 0 and the neuron is silent for ever, and the output fires one step after the hidden neuron.
# Who compares a trained network with the simulator step for step must run T + 1 steps and shift the readout by one;
# a synapse without memory cannot be had on this chip.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet xylosim==0.1.3 "numpy>=2,<3"
"$folder/venv/bin/python" - <<'PY'
from xylosim.v2 import XyloLayer, XyloSynapse


def run(dash):
    inward, outward = [[XyloSynapse(0, 0, 64)]], [[XyloSynapse(0, 0, 64)]]
    layer = XyloLayer(
        synapses_in=inward, synapses_rec=[[]], synapses_out=outward, aliases=[[]], threshold=[16], threshold_out=[16],
        weight_shift_inp=0, weight_shift_rec=0, weight_shift_out=0, dash_mem=[4], dash_mem_out=[4],
        dash_syns=[[dash]], dash_syns_out=[[1]], name="one", has_bias=False, bias=[0], bias_out=[0],
    )
    layer.evolve([[1], [0], [0], [0]])
    return [list(r) for r in layer.rec_i_syn][0], [r[0] for r in layer.rec_recurrent_spikes], [r[0] for r in layer.rec_out_spikes]


current, hidden, output = run(1)
print("dash_syn 1: current", current, "hidden", hidden, "output", output)
silent = run(0)
print("dash_syn 0: current", silent[0], "hidden", silent[1])
assert current[0] == 32, "events are no longer decayed in the step in which they come"
first_hidden, first_output = (next(t for t, s in enumerate(spikes) if s) for spikes in (hidden, output))
assert (first_hidden, first_output) == (0, 1), "the readout is no longer one step late"
assert silent[0] == [0, 0, 0, 0] and not any(silent[1]), "a synapse without memory is no longer silent"
PY
