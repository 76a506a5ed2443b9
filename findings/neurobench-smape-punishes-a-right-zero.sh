#!/usr/bin/env bash
# NeuroBench 2.3.0: one value that is 0 and predicted to be 0 makes the SMAPE of a whole batch 200, its worst.
#
# Guess: a perfect prediction has an error of 0. Seen: of every pair |p - y| / (|p| + |y|) is taken, 0 / 0 is no number,
# and so the mean is none; that is replaced by 200 after the mean, not before it. One such pair among thousands is
# enough; where the readout counts spikes, 0 is the commonest value there is. A prediction that misses the zero has a
# lower error.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 snntorch==1.0.0 numpy==2.4.6 tqdm==4.70.1
"$folder/venv/bin/pip" install --quiet --no-deps neurobench==2.3.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from neurobench.metrics.workload import SMAPE

target = torch.linspace(0, 1, 1001)[:, None]
perfect = SMAPE()(None, target, (None, target))
without_zero = SMAPE()(None, target[1:], (None, target[1:]))
missed = SMAPE()(None, target + 0.001 * (target == 0), (None, target))
print(f"perfect: {perfect}, without the pair of zeros: {without_zero}, with the zero predicted as 0.001: {missed:.2f}")
assert (perfect, without_zero) == (200, 0) and missed < 0.3
PYTHON
