#!/usr/bin/env bash
# snnTorch 1.0: no grid of `state_quant` holds 0 or the threshold, and neurons fire below it.
#
# Guess: `thr_centered=True` means that the threshold is a level, `thr_centered=False` that 0 is. Seen at 2 and
# 3 bits with the defaults: none of the three kinds of grid holds either; with 2 bits of the uniform one, a
# neuron at rest without input goes to -0.267 threshold, and one at 0.84 of the threshold fires, since it is
# rounded to 1.2.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet snntorch==1.0.0 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import snntorch as snn
import torch
from snntorch.functional import quant

for bits in (2, 3):
    for options in ({"uniform": True}, {"uniform": False}, {"uniform": False, "thr_centered": False}):
        levels = quant.state_quant(num_bits=bits, **options)(torch.linspace(-2, 2, 100_001)).unique()
        print(bits, "bits", options, [round(level, 3) for level in levels.tolist()])
        assert len(levels) == 2**bits
        assert (levels.abs() > 1e-3).all() and ((levels - 1).abs() > 1e-4).all()
neuron = snn.Leaky(beta=1.0, threshold=1.0, state_quant=quant.state_quant(num_bits=2), init_hidden=True)
neuron(torch.zeros(1, 1))
print("at rest, without input:", neuron.mem.item())
assert round(neuron.mem.item(), 3) == -0.267
neuron.reset_mem()
spike = neuron(torch.full((1, 1), 0.84))
print("spike at 0.84 of the threshold:", spike.item())
assert spike.item() == 1
PYTHON
