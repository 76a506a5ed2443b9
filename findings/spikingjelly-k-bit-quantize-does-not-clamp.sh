#!/usr/bin/env bash
# SpikingJelly 2.0: `k_bit_quantize` gives more than 2^k levels.
#
# Guess: k bits are at most 2^k levels. Seen: inputs are rounded to multiples of 1 / (2^k - 1) and not clamped,
# so that weights from -2 to 2 at 2 bits have 13 levels. It is made for inputs in [0, 1] and does not say so
# when it runs.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet --no-deps spikingjelly==2.0.0 && "$folder/venv/bin/pip" install --quiet numpy==2.4.6 loguru==0.7.3 scipy==1.17.1 tqdm==4.67.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from spikingjelly.activation_based import quantize

levels = quantize.k_bit_quantize(torch.linspace(-2, 2, 10_001), 2).unique()
print("2 bits:", [round(level, 3) for level in levels.tolist()])
assert len(levels) == 13
PYTHON
