#!/usr/bin/env bash
# sinabs 3.1: `from_nir` leaves out linear layers without bias, and average pooling.
#
# Guess: nir.Linear, which is how other libraries write a linear layer without bias, is read, or refused. Seen:
# it is left out, and the layer after it gets the network's input: 2 where the graph says 4. nir.AvgPool2d
# between convolutions is left out, too: 4 x 4 comes out where the graph says 2 x 2.
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


def chain(*nodes, shape, result):
    named = {"input": nir.Input(np.array(shape)), **{f"layer{i}": node for i, node in enumerate(nodes)}}
    named["output"] = nir.Output(np.array(result))
    names = list(named)
    return nir.NIRGraph(named, list(zip(names, names[1:])))


ones, zeros = np.ones((2, 2), np.float32), np.zeros(2, np.float32)
network = from_nir(chain(nir.Linear(ones), nir.Affine(ones, zeros), shape=[2], result=[2]), batch_size=1)
output = network(torch.ones(1, 2))[0].tolist()
print("two layers of ones make 4 of 1; sinabs gives", output)
assert output == [[2.0, 2.0]]


def pointwise(size):
    return nir.Conv2d((size, size), np.ones((1, 1, 1, 1), np.float32), (1, 1), (0, 0), (1, 1), 1, np.zeros(1, np.float32))


two, none = np.array([2, 2]), np.array([0, 0])
pooled = chain(pointwise(4), nir.AvgPool2d(two, two, none), pointwise(2), shape=[1, 4, 4], result=[1, 2, 2])
shape = tuple(from_nir(pooled, batch_size=1)(torch.ones(1, 1, 4, 4))[0].shape)
print("the graph pools to 2 x 2; sinabs gives", shape[2:])
assert shape == (1, 1, 4, 4)
PYTHON
