#!/usr/bin/env bash
# nirtorch 2.6: `nir_to_torch` reads an Affine node without its bias, which is drawn at random instead.
#
# Guess: "a common set of mappings are provided by default", so that an Affine node is a linear layer of its weight and its
# bias. Seen: the default mapping writes the bias into an attribute of the weight, `module.weight.bias`, and the layer
# keeps the one that PyTorch initialized it with. One file read twice is two networks, neither of them the one that was
# written: here the neurons of a graph whose bias makes each fire by itself are silent. Weights are right, as are the biases
# of convolutions, and no warning comes. A reader that maps Affine nodes by itself is safe. Its main branch has the mend (pull
# request 55, of 2026), its last release does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0
"$folder/venv/bin/pip" install --quiet --no-compile nirtorch==2.6 nir==1.0.8 numpy==2.4.6 h5py==3.16.0
"$folder/venv/bin/python" -W ignore - "$folder/graph.nir" <<'PYTHON'
import sys

import nir
import nirtorch
import numpy as np
import torch

inputs, neurons, steps = 64, 100, 10
weight = np.random.default_rng(0).normal(size=(neurons, inputs)).astype(np.float32)
bias = np.full(neurons, 1.0, np.float32)
nir.write(sys.argv[1], nir.NIRGraph.from_list(nir.Affine(weight, bias)))
spikes = np.eye(inputs, dtype=np.float32)


def read():
    network = nirtorch.nir_to_torch(sys.argv[1], {})
    with torch.no_grad():
        return network(torch.from_numpy(spikes))[0].numpy()


def rate(currents, threshold=1.0):
    """Of IF neurons that get these currents at every step, with reset by subtraction."""
    potential, fired = np.zeros_like(currents), 0
    for _ in range(steps):
        potential += currents
        fired += (out := potential >= threshold).sum()
        potential -= out * threshold
    return fired / steps / currents.size


with torch.no_grad():
    silent = [nirtorch.nir_to_torch(sys.argv[1], {})(torch.zeros(1, inputs))[0].numpy() for _ in range(2)]
first, second = read(), read()
found = [first - spikes @ weight.T, second - spikes @ weight.T]
print(f"biases of 1.0 are read as {found[0][0, :3]}, and again as {found[1][0, :3]}")
print(f"rate without an input: {rate(bias)} by the graph, {rate(silent[0])} and {rate(silent[1])} as read")
assert np.abs(found[0]).max() < 1 / np.sqrt(inputs) + 1e-5, "PyTorch's initialization is within 1 / sqrt(inputs)"
assert not np.allclose(found[0], found[1]) and np.allclose(found[0], found[0][:1], atol=1e-5)
assert rate(bias) == 1 and rate(silent[0]) < 0.1
affine = nirtorch.nir_to_torch(nir.Affine(weight, bias), {})
assert np.array_equal(affine.weight.detach().numpy(), weight)
assert np.array_equal(affine.weight.bias.numpy(), bias) and not np.allclose(affine.bias.detach().numpy(), bias)
convolution = nir.Conv2d((4, 4), weight[:2].reshape(2, 1, 8, 8), (1, 1), (0, 0), (1, 1), 1, bias[:2])
assert np.array_equal(nirtorch.nir_to_torch(convolution, {}).bias.detach().numpy(), bias[:2])
PYTHON
