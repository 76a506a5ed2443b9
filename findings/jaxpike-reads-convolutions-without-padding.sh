#!/usr/bin/env bash
# jaxpike 0.1.4: `from_nir` reads a padding of numbers as none, and a dilation as 1.
#
# Guess: what a NIR node says is kept, or refused: a model that cannot be represented "fails loudly". Seen: only a padding
# called "same" is kept. (1, 1) is the same padding for a 3 x 3 kernel, and what PyTorch's libraries write; it is read as
# none, for an AvgPool2d too. Each such layer loses two rows and columns: of two layers whose 64 + 64 neurons all fire,
# 36 + 16 are left. A kernel with dilation 2 is laid out without its holes. No error and no warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile jaxpike==0.1.4 jax==0.10.2 nir==1.0.8 numpy==2.4.6
JAX_PLATFORMS=cpu "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import jax.numpy as jnp
import nir
import numpy as np
from jaxpike import unroll
from jaxpike.nir import from_nir


def conv(size, padding, dilation=1):
    kernel, bias = np.ones((1, 1, 3, 3), np.float32), np.zeros(1, np.float32)
    return nir.Conv2d((size, size), kernel, stride=1, padding=padding, dilation=dilation, groups=1, bias=bias)


def neurons(size):  # They fire at any input.
    ones = np.ones((1, size, size), np.float32)
    return nir.LIF(tau=2e-3 * ones, r=ones, v_leak=0 * ones, v_threshold=0.01 * ones, v_reset=0 * ones)


def spikes(*nodes, size):
    names = ["input", *map(str, range(len(nodes))), "output"]
    shape = {"input": np.array([1, size, size])}
    ends = nir.Input(shape), nir.Output({"output": nodes[-1].output_type["output"]})
    graph = nir.NIRGraph(dict(zip(names, (ends[0], *nodes, ends[1]), strict=True)), list(zip(names, names[1:])))
    network = from_nir(graph)
    maps = jnp.full((1, 1, size, size, 1), 1.0)
    return [int(unroll(type(network)(*network.layers[:end]), maps)[0].sum()) for end in (2, 4)[: len(nodes) // 2]]


found = {pad: spikes(conv(8, pad), neurons(8), conv(8, pad), neurons(8), size=8) for pad in ("same", (1, 1))}
print("two layers of 8 x 8 neurons, by padding: spikes of each", found)
pool = nir.AvgPool2d(kernel_size=(2, 2), stride=(2, 2), padding=(1, 1))
pooled = spikes(pool, neurons(5), size=8)
print("2 x 2 pooling of 8 x 8 with padding 1, which leaves 25 neurons: spikes", pooled)
holes = spikes(conv(5, 0, dilation=2), neurons(1), size=5)
print("3 x 3 with dilation 2 on 5 x 5, which leaves one neuron: spikes", holes)
assert found == {"same": [64, 64], (1, 1): [36, 16]}
assert pooled == [16] and holes == [9]
PYTHON
