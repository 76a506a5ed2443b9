#!/usr/bin/env bash
# Norse 1.1: a population code of values up to 255 is silent for 98 % of them; of values up to 0.01 it is all ones.
#
# `population_encode` spreads its centres from 0 to `scale`, "the scaling factor for the kernels", by default the largest
# value given. Guess: kernels grow with it, so that pixels of 0 to 1 and of 0 to 255 have one code. Seen: the squared
# distance to a centre is multiplied by the scale, where a division by its square would keep the code; against the
# distance of two centres a kernel narrows by scale ** 1.5. At 255 a value between two centres has no answer from any of
# ten neurons, and a Poisson encoder behind it no spike; at 0.01 all ten answer fully to everything. Since the
# default is the largest value of what is given, the same image is coded otherwise in another batch. No warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 nirtorch==2.6 nir==1.0.8 numpy==2.4.6 h5py==3.16.0 matplotlib==3.11.2
"$folder/venv/bin/pip" install --quiet --no-deps norse==1.1.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from norse.torch.functional.encode import population_encode

values = torch.linspace(0, 1, 1001)
centres = torch.linspace(0, 1, 10)
same = torch.exp(-((values[:, None] - centres) ** 2) / 2)  # By hand, of values in [0, 1].
assert torch.allclose(population_encode(values, 10), same)
found = {}
for unit in 0.01, 1.0, 10.0, 255.0:
    code = population_encode(values * unit, 10)
    silent = (code.max(dim=1).values < 0.01).float().mean().item()
    full = (code.min(dim=1).values > 0.99).float().mean().item()
    found[unit] = silent, full
    print(f"values up to {unit:6}: {silent:6.1%} without an answer, {full:6.1%} with all ten neurons at 1", end="; ")
    print("0.45 of the largest:", [round(rate, 2) for rate in code[450].tolist()])
    by_hand = torch.exp(-((values[:, None] - centres) ** 2) * unit**3 / 2)
    assert torch.allclose(code, by_hand, atol=1e-2)
assert found[0.01] == (0.0, 1.0) and found[1.0] == (0.0, 0.0) and found[255.0][0] > 0.97
PYTHON
