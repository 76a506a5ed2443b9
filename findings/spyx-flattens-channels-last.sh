#!/usr/bin/env bash
# Spyx 1.0.0: `from_nir` reads the linear layer behind a flattened convolution with its columns in another order.
#
# Guess: a graph of Conv2d, Flatten and Affine computes what NIR says: Spyx keeps images channels-last and transposes
# kernels, so it will permute the columns of the layer after Flatten, too. Seen: it does not; the affine node's columns,
# which count (C, H, W), meet a vector that counts (H, W, C). No error, other numbers: the outputs are to the digit what
# the permuted matrix gives. Graphs that Spyx wrote itself come back right, so its own tests cannot see it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet spyx==1.0.0 nir==1.0.8 numpy==2.4.6 jax==0.10.2 jaxlib==0.10.2 flax==0.12.8
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import jax.numpy as jnp
import nir
import numpy as np
import spyx.nir

rng = np.random.default_rng(0)
kernel, matrix = rng.normal(size=(2, 1, 3, 3)), rng.normal(size=(3, 2 * 4 * 4))
image = rng.normal(size=(6, 6))
nodes = {
    "input": nir.Input(np.array([1, 6, 6])),
    "conv": nir.Conv2d((6, 6), kernel, 1, 0, 1, 1, np.zeros(2)),
    "flatten": nir.Flatten({"input": np.array([2, 4, 4])}, 0, -1),
    "fc": nir.Affine(matrix, np.zeros(3)),
    "output": nir.Output(np.array([3])),
}
graph = nir.NIRGraph(nodes, [("input", "conv"), ("conv", "flatten"), ("flatten", "fc"), ("fc", "output")])
_, outputs = spyx.nir.from_nir(graph, jnp.asarray(image, jnp.float32)[None, None, :, :, None])
patches = np.lib.stride_tricks.sliding_window_view(image, (3, 3))
maps = np.einsum("yxij,oij->oyx", patches, kernel[:, 0])
said, other = matrix @ maps.reshape(-1), matrix @ maps.transpose(1, 2, 0).reshape(-1)
given = np.asarray(outputs)[0, 0]
print("the graph says", said.round(3), "Spyx gives", given.round(3))
assert not np.allclose(given, said, atol=0.1)
assert np.allclose(given, other, atol=1e-3)
PYTHON
