#!/usr/bin/env bash
# Norse 1.1: `from_nir` leaves out nodes that it does not know, without a word.
#
# Guess: a node of NIR that Norse has no module for is refused. Seen: a Scale by 3 in the middle of a network is
# as if it were not there: 2 comes out where the graph says 6. The same happens to Threshold and to AvgPool2d
# between layers.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 nirtorch==2.6 nir==1.0.8 numpy==2.4.6 h5py==3.16.0 matplotlib==3.11.2
"$folder/venv/bin/pip" install --quiet --no-deps norse==1.1.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import nir
import numpy as np
import torch
from norse.torch.utils.import_nir import from_nir

ones, zeros = np.ones((2, 2), np.float32), np.zeros(2, np.float32)
nodes = {
    "input": nir.Input(np.array([2])),
    "scale": nir.Scale(np.full(2, 3.0, np.float32)),
    "fc": nir.Affine(ones, zeros),
    "output": nir.Output(np.array([2])),
}
graph = nir.NIRGraph(nodes, [("input", "scale"), ("scale", "fc"), ("fc", "output")])
output, _ = from_nir(graph)(torch.ones(1, 2))
print("the graph says 6, Norse gives", output.tolist())
assert output.tolist() == [[2.0, 2.0]]
PYTHON
