#!/usr/bin/env bash
# PySNN 0.1.1: max pooling gives every channel, and every sample of a batch, the traces of the first one.
#
# `MaxPool2d` pools spikes, and "the trace of the maximum spike is also returned", which learning rules behind it read.
# Guess: of the same channel and sample. Seen: positions within a channel are taken for positions in the whole batch, so
# that all traces come from the first channel of the first sample. Spikes are right, shapes too. One channel and a batch
# of one are right, and no other.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps pysnn==0.1.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from pysnn.connection import MaxPool2d
from torch.nn import functional

torch.manual_seed(0)
spikes, traces = torch.rand(2, 3, 4, 4) < 0.3, torch.rand(2, 3, 4, 4)
pooled, found = MaxPool2d(2)(spikes, traces)
values, index = functional.max_pool2d(spikes.float(), 2, return_indices=True)
assert torch.equal(pooled, values > 0)
right = traces.flatten(2).gather(2, index.flatten(2)).view(index.shape)
of_the_first = traces[0, 0].flatten()[index]
same = [[torch.equal(found[n, c], right[n, c]) for c in range(3)] for n in range(2)]
print("traces of the same sample and channel:", same)
assert same == [[True, False, False], [False, False, False]]
assert torch.equal(found, of_the_first)
PYTHON
