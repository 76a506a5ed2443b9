#!/usr/bin/env bash
# nirtorch 2.6: `load` loses one of two branches that meet.
#
# NIR says that what arrives at a node over several edges is added. `nirtorch.load`, which the readers of Norse
# 1.1, sinabs 3.1 and rockpool 3.1 call, runs nodes depth first, and a node as soon as one of its inputs is
# there. Guess: 2 + 20 = 22. Seen: 20, without a warning about it; the newer `nirtorch.nir_to_torch` gives 22. A
# residual network loses its shortcuts.
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
nodes = {
    "input": nir.Input(np.array([2])),
    "a": nir.Affine(ones, zeros),
    "b": nir.Affine(10 * ones, zeros),
    "c": nir.Affine(np.eye(2, dtype=np.float32), zeros),
    "output": nir.Output(np.array([2])),
}
edges = [("input", "a"), ("input", "b"), ("a", "c"), ("b", "c"), ("c", "output")]


def linear(node):
    if not isinstance(node, nir.Affine):
        return None
    layer = torch.nn.Linear(2, 2)
    layer.weight.data, layer.bias.data = torch.from_numpy(node.weight), torch.from_numpy(node.bias)
    return layer


loaded = nirtorch.load(nir.NIRGraph(nodes, edges), linear, return_state=False)(torch.ones(1, 2))
mapped = nirtorch.nir_to_torch(nir.NIRGraph(nodes, edges), {nir.Affine: linear})(torch.ones(1, 2))
mapped = mapped[0] if isinstance(mapped, tuple) else mapped
print("load:", loaded.tolist(), "nir_to_torch:", mapped.tolist())
assert loaded.tolist() == [[20.0, 20.0]]
assert mapped.tolist() == [[22.0, 22.0]]
PYTHON
