#!/usr/bin/env bash
# jaxpike 0.1.4: `from_nir` runs two branches that meet one after the other, and a shortcut is gone.
#
# NIR adds what arrives at a node over several edges. Guess: a graph that is no chain is refused, as one with a cycle is
# ("only feedforward chains are supported"), or the branches are added. Seen: nodes are put in an order in which each
# comes after its inputs, and that order is taken for a chain. Weights of 2 and 3 side by side give 6 in place of 5, and a
# residual network loses its shortcuts. No error and no warning where the widths fit, as they do in a residual block.
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

one = np.array([1])


def last(edges, **weights):
    nodes = {name: nir.Linear(np.array([[weight]], np.float32)) for name, weight in weights.items()}
    ends = {"input": nir.Input({"input": one}), "output": nir.Output({"output": one})}
    network = from_nir(nir.NIRGraph({**ends, **nodes}, edges))
    return unroll(network, jnp.ones((1, 1, 1)))[0].item()


apart = [("input", "a"), ("input", "b"), ("a", "c"), ("b", "c"), ("c", "output")]
branches = last(apart, a=2.0, b=3.0, c=1.0)
shortcut = last([("input", "a"), ("a", "b"), ("a", "c"), ("b", "c"), ("c", "output")], a=2.0, b=3.0, c=1.0)
print("2 x and 3 x, added:", branches, "in place of 5.0; 2 x and thrice that, added:", shortcut, "in place of 8.0")
assert branches == 6.0 and shortcut == 6.0
PYTHON
