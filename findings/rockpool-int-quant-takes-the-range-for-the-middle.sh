#!/usr/bin/env bash
# rockpool 3.1.0: with `maintain_zero=False`, `int_quant` makes weights from -1 to 1 all negative, on half of the levels.
#
# Guess: "the output range may shift zero": weights are moved so that the middle of their range is 0, and use all levels
# from -127 to 127 at 8 bits, however they lie; those from -1 to 1 are in the middle already and stay. Seen: half of the
# range's length is subtracted, which is its middle only where it begins at 0. Weights from -1 to 1 become -127 to 0, so
# that excitation is inhibition and half of the levels are unused; those from -1 to 0.2 become -127 to -32. How far they
# were moved is not returned.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0 numpy==2.4.6 scipy==1.17.1
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps rockpool==3.1.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from rockpool.transform.torch_transform import int_quant


def centred(weights):
    weights = weights - (weights.max() + weights.min()) / 2
    return (weights * 127 / weights.abs().max()).round()


for low, high, ends in (0.0, 1.0, (-127, 127)), (-1.0, 1.0, (-127, 0)), (-1.0, 0.2, (-127, -32)):
    weights = torch.linspace(low, high, 1001)
    found = int_quant(weights, maintain_zero=False)
    levels = len(found.unique())
    print(f"{low} to {high}: {found.min():.0f} to {found.max():.0f}, {levels} levels", end="; ")
    print(f"around the middle: {centred(weights).unique().numel()} levels")
    assert (found.min(), found.max()) == ends and levels == ends[1] - ends[0] + 1
    assert centred(weights).unique().numel() == 255
PYTHON
