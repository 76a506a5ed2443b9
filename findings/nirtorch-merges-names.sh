#!/usr/bin/env bash
# nirtorch 2.6: nodes called `a.b` and `a_b` become one module.
#
# Guess: names of nodes are kept apart. Seen: dots become underscores, the second node takes the place of the
# first, and gets its own output back: 420 where the graph says 40.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet nirtorch==2.6 nir==1.0.8 numpy==2.4.6 h5py==3.16.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import nir
import nirtorch
import numpy as np
import torch

ones, zeros = np.ones((2, 2), np.float32), np.zeros(2, np.float32)


def linear(node):
    layer = torch.nn.Linear(2, 2)
    layer.weight.data, layer.bias.data = torch.from_numpy(node.weight), torch.from_numpy(node.bias)
    return layer


nodes = {
    "input": nir.Input(np.array([2])),
    "a.b": nir.Affine(ones, zeros),
    "a_b": nir.Affine(10 * ones, zeros),
    "output": nir.Output(np.array([2])),
}
graph = nir.NIRGraph(nodes, [("input", "a.b"), ("a.b", "a_b"), ("a_b", "output")])
network = nirtorch.nir_to_torch(graph, {nir.Affine: linear})
output = network(torch.ones(1, 2))
output = output[0] if isinstance(output, tuple) else output
print("the graph says 40; nirtorch gives", output.tolist())
assert output.tolist() == [[420.0, 420.0]]
PYTHON
