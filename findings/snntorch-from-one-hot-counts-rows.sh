#!/usr/bin/env bash
# snnTorch 1.0.0: `spikegen.from_one_hot` gives 0, 1, 2, ..., whatever the labels are.
#
# Guess: it "converts one-hot encoding back into an integer", the inverse of `to_one_hot`. Seen: of the two indices at which
# there is a 1, the row and the column, it takes the row, so that of each batch it gives the samples' numbers: labels 2, 0,
# 1 come back as 0, 1, 2. Its own example is the identity matrix, whose rows are its columns, and so cannot show it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0
"$folder/venv/bin/pip" install --quiet --no-compile snntorch==1.0.0 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from snntorch import spikegen

for labels in [2, 0, 1], [3, 3, 3, 3], [9, 4, 0, 4, 7]:
    one_hot = spikegen.to_one_hot(torch.tensor(labels), num_classes=10)
    assert one_hot.argmax(1).tolist() == labels
    back = spikegen.from_one_hot(one_hot).tolist()
    print("labels", labels, "come back as", back)
    assert back == list(range(len(labels)))
PYTHON
