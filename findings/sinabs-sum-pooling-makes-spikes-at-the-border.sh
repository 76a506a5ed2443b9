#!/usr/bin/env bash
# sinabs 3.1.3: `SumPool2d(ceil_mode=True)` makes spikes at the border.
#
# Guess: a window that reaches beyond the border sums what is in it, so that spikes are counted once each. Seen: the
# layer is PyTorch's LPPool2d with p = 1, which takes the mean of what is in the window, of however many that is, and
# multiplies by the size of a whole window: 9 spikes on 3 x 3 become 16, the one in the corner counts as 4. In a map of
# odd height or width, which is what ceil_mode is for, neurons behind the border get two to four times their input.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet sinabs==3.1.3 nir==1.0.4 nirtorch==2.0.2 numpy==2.4.6 h5py==3.16.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sinabs.layers as sl
import torch

spikes = torch.ones(1, 1, 3, 3)
found = sl.SumPool2d(2, ceil_mode=True)(spikes)
summed = torch.nn.functional.pad(spikes, (0, 1, 0, 1)).unfold(2, 2, 2).unfold(3, 2, 2).sum((-1, -2))
print("windows of 2 x 2 over 3 x 3 spikes:", found[0, 0].tolist(), "summed by hand:", summed[0, 0].tolist())
assert found.flatten().tolist() == [4, 4, 4, 4] and summed.flatten().tolist() == [4, 2, 2, 1]
PYTHON
