#!/usr/bin/env bash
# rockpool 3.1: a leaky integrator comes back from NIR with a time constant of 0.
#
# Guess: `from_nir(to_nir(module))` is the module. Seen: the time constant, in seconds, is cut to a whole
# number: 20 ms becomes 0, and the layer gives zeros for any input, without a warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet rockpool==3.1.0 nir==1.0.4 nirtorch==2.0.2 numpy==2.4.6 h5py==3.16.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from rockpool.nn.modules import ExpSynTorch
from rockpool.nn.modules.torch.nir import from_nir, to_nir

module = ExpSynTorch(2, tau=torch.tensor([0.02, 0.02]), dt=1e-3)
back = from_nir(to_nir(module))
impulse = torch.zeros(1, 4, 2)
impulse[:, 0] = 1
mine, other = module(impulse)[0][0, :, 0], back(impulse)[0][0, :, 0]
print("before:", mine.tolist())
print("after: ", other.tolist())
assert (mine > 0.8).all() and (other == 0).all()
PYTHON
