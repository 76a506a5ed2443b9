#!/usr/bin/env bash
# spikerplus 2.0.3 (Spiker+): its integrate-and-fire neuron integrates nothing.
#
# Guess: the neuron model "if" is the one "lif" without its leak, so that 0.4 a step reaches a threshold of 1 at the third
# step. Seen: it is built as snnTorch's Leaky with beta = 0, which keeps none of the potential, where 1 would keep all. It
# fires if a single step's input is above the threshold, and else never; recurrent ones ("rif") too. A "lif" with a beta
# of 1 integrates. The VHDL has the same: the potential, shifted by 0 bits, is subtracted from itself.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0
"$folder/venv/bin/pip" install --quiet --no-compile spikerplus==2.0.3 snntorch==1.0.0 numpy==2.4.6 tabulate==0.10.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from spikerplus import NetBuilder, VhdlGenerator


def build(**neuron):
    network = NetBuilder({"n_cycles": 9, "n_inputs": 1, "layer_0": {"n_neurons": 1, "threshold": 1.0, **neuron}}).build()
    torch.nn.init.constant_(network.layers["fc1"].weight, 0.4)
    return network


def spikes(network):
    network(torch.ones(9, 1, 1))
    return [int(spike) for spike in next(iter(network.spk_rec.values())).flatten()]


leakless, plain = build(neuron_model="lif", beta=1.0), build(neuron_model="if")
print("0.4 a step, threshold 1: lif with beta 1", spikes(leakless), "- if", spikes(plain))
recurrent = build(neuron_model="rif")
print("rif", spikes(recurrent), "- shift of the VHDL's if", VhdlGenerator(plain, {}).extract_beta("if1"))
assert spikes(leakless) == [0, 0, 1, 0, 0, 1, 0, 1, 0]
assert not any(spikes(plain)) and not any(spikes(recurrent))
assert VhdlGenerator(plain, {}).extract_beta("if1") == 0
PYTHON
