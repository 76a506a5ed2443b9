#!/usr/bin/env bash
# rockpool 3.1.0: with `maintain_zero=True` and an even number of levels, its default, rounding moves every zero.
#
# Guess: `maintain_zero`, the default of `deterministic_rounding` and `stochastic_rounding`, does what it says, "ensure
# that input values of zero map to zero", at the default of 2**8 levels too: one of them is 0. Seen: the levels are laid
# out evenly from -max to max, so that of an even number none is 0. A weight that is absent or pruned becomes half a step,
# always to the same side, or to a side by chance at each call; at 2 bits that is a third of the largest weight, at 1 bit
# the largest itself. With an output range of -127 to 127 zeros are -0.5 or 0.5, and values between are no integers either.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0 numpy==2.4.6 scipy==1.17.1
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps rockpool==3.1.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from rockpool.transform.torch_transform import deterministic_rounding, stochastic_rounding

torch.manual_seed(0)
weights = torch.tensor([-1.0, 0.5, 1.0] + [0.0] * 1000)
for levels in 2, 4, 16, 256, 255:
    nearest = deterministic_rounding(weights, num_levels=levels)[3:].unique().tolist()
    random = stochastic_rounding(weights, num_levels=levels)[3:].unique().tolist()
    print(f"{levels} levels: zeros are {nearest}, at random {random}")
    half = 1 / (levels - 1) if levels % 2 == 0 else 0
    assert len(nearest) == 1 and abs(abs(nearest[0]) - half) < 1e-6
    assert all(abs(abs(value) - half) < 1e-6 for value in random) and len(random) == (2 if half else 1)
whole = deterministic_rounding(weights, output_range=[-127, 127])
print("from -127 to 127:", whole[:4].tolist())
assert abs(abs(whole[3].item()) - 127 / 255) < 1e-4
PYTHON
