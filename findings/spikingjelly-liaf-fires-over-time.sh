#!/usr/bin/env bash
# SpikingJelly 2.0: LIAFNode gives activations a step at a time, and spikes when it gets all steps at once.
#
# Guess: `LIAFNode(act=relu)` gives relu of the membrane potential in both step modes, as its documentation says. Seen:
# with step_mode="m" it gives 0 and 1, those of a LIFNode, since it overrides the single step alone: a network changes
# what it computes when `functional.set_step_mode` is called.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6 loguru==0.7.3
"$folder/venv/bin/pip" install --quiet --no-deps spikingjelly==2.0.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from spikingjelly.activation_based.neuron import LIAFNode, LIFNode

torch.manual_seed(0)
x = 3 * torch.rand(4, 2, 5)
single, multi = (LIAFNode(act=torch.relu, threshold_related=False, step_mode=mode).eval() for mode in "sm")
by_step, at_once = torch.stack([single(step) for step in x]), multi(x)
print("a step at a time:", [round(value, 2) for value in by_step[0, 0].tolist()])
print("all at once:     ", at_once[0, 0].tolist())
assert torch.equal(at_once, LIFNode(step_mode="m").eval()(x))
assert not torch.equal(at_once, by_step) and set(at_once.unique().tolist()) <= {0.0, 1.0}
PYTHON
