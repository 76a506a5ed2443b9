#!/usr/bin/env bash
# sinabs 3.1: `from_nir` ignores the padding of a SumPool2d, and cannot read a Conv1d.
#
# Guess: a padded SumPool2d is padded or refused. Seen: 4 x 4 with kernel 2, stride 2, padding 1 becomes 2 x 2
# instead of 3 x 3. A Conv1d stops with an AttributeError: its numpy weight is taken for a tensor, so that no
# file with one can be read.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet sinabs==3.1.3 nir==1.0.4 nirtorch==2.0.2 numpy==2.4.6 h5py==3.16.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import nir
import numpy as np
import torch
from sinabs.nir import from_nir


def pointwise(size):
    return nir.Conv2d((size, size), np.ones((1, 1, 1, 1), np.float32), (1, 1), (0, 0), (1, 1), 1, np.zeros(1, np.float32))


nodes = {
    "input": nir.Input(np.array([1, 4, 4])),
    "conv": pointwise(4),
    "pool": nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([1, 1])),
    "conv2": pointwise(3),
    "output": nir.Output(np.array([1, 3, 3])),
}
names = list(nodes)
network = from_nir(nir.NIRGraph(nodes, list(zip(names, names[1:]))), batch_size=1)
shape = tuple(network(torch.ones(1, 1, 4, 4))[0].shape)
print("the graph pools to 3 x 3; sinabs gives", shape[2:])
assert shape == (1, 1, 2, 2)
conv = nir.Conv1d(8, np.ones((1, 1, 3), np.float32), 1, 0, 1, 1, np.zeros(1, np.float32))
nodes = {"input": nir.Input(np.array([1, 8])), "conv": conv, "output": nir.Output(np.array([1, 6]))}
written = nir.NIRGraph(nodes, [("input", "conv"), ("conv", "output")])
try:
    from_nir(written, batch_size=1)
except AttributeError as error:
    print("a Conv1d:", error)
else:
    raise SystemExit("it reads a Conv1d now")
PYTHON
