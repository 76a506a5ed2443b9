#!/usr/bin/env bash
# snnTorch 1.0.0: setting `reset_mechanism` of a neuron changes what it says, not what it does.
#
# Guess: `neuron.reset_mechanism = "zero"`, a property with a setter that checks the value, makes the neuron reset to
# zero, so that the resets of a trained network can be compared; and a state dict, which holds `reset_mechanism_val`,
# brings the reset of the network that it was saved from. Seen: the reset is chosen once, as the neuron is made.
# Afterwards property and buffer say "zero" and the neuron subtracts, to the last spike. Who compares both resets so,
# finds that it does not matter which.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet snntorch==1.0.0 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import snntorch
import torch


def spikes(neuron):
    potential, fired = neuron.reset_mem(), []
    for value in [2.5] + 8 * [0.4]:
        spike, potential = neuron(torch.tensor([value]), potential)
        fired.append(int(spike))
    return fired


def leaky(reset):
    return snntorch.Leaky(beta=0.9, reset_mechanism=reset)


subtract, zero = spikes(leaky("subtract")), spikes(leaky("zero"))
changed, loaded = leaky("subtract"), leaky("subtract")
changed.reset_mechanism = "zero"
loaded.load_state_dict(leaky("zero").state_dict())
print("made with subtract      ", subtract)
print("made with zero          ", zero)
print("set to zero             ", spikes(changed), changed.reset_mechanism)
print("loaded from one of zero ", spikes(loaded), {0: "subtract", 1: "zero"}[int(loaded.reset_mechanism_val)])
assert subtract != zero
assert changed.reset_mechanism == "zero" and spikes(changed) == subtract
assert loaded.reset_mechanism_val == 1 and spikes(loaded) == subtract
PYTHON
