#!/usr/bin/env bash
# spikingtorch 0.1.3: its periodic encoder makes one rate of all values from 0.5 to 0.99.
#
# `PeriodicEncoder(nsteps)` adds a value to a memory in each step and fires where the memory reaches 1. Guess: the memory
# loses 1 then, and rates of spikes are the values, as those of the library's `PoissonEncoder` are. Seen: it is set to 0,
# and what was above 1 is gone. The period is 1 / value rounded up to whole steps: rates are 1, 1/2, 1/3, 1/4 and so on.
# All greys from 0.5 up to white are one grey, of the 256 of a byte 8 are left in 16 steps where 17 counts are possible,
# and the mean rate of an image of all greys is 0.36 in place of 0.5. A longer run does not help, as the remainder is lost
# each time.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0
"$folder/venv/bin/pip" install --quiet --no-compile numpy==2.4.6
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps spikingtorch==0.1.3
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from spikingtorch.spikeio import PeriodicEncoder, PoissonEncoder

torch.manual_seed(0)
greys = (torch.arange(256) / 255).reshape(256, 1, 1)
periodic = PeriodicEncoder(10_000)(greys).mean(1).flatten()
poisson = PoissonEncoder(10_000)(greys).mean(1).flatten()
for grey in 40, 100, 128, 200, 254, 255:
    print(f"value {grey / 255:.3f}: periodic {periodic[grey]:.3f}, Poisson {poisson[grey]:.3f}")
assert (poisson - greys.flatten()).abs().max() < 0.03
assert (periodic[128:255] == 0.5).all() and periodic[255] == 1
whole = torch.ceil(1 / greys.flatten()[1:] - 1e-6)
assert ((periodic[1:] * 10_000 - torch.floor(10_000 / whole)).abs() / 10_000 < 0.01).all()
few = PeriodicEncoder(16)(greys).sum(1).flatten()
print(f"mean of all greys: {periodic.mean():.3f}, Poisson {poisson.mean():.3f}; counts in 16 steps {few.unique().int().tolist()}")
assert periodic.mean() < 0.36
PYTHON
