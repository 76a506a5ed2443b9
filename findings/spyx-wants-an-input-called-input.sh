#!/usr/bin/env bash
# Spyx 1.0.0: `from_nir` gives an empty network for a graph whose input node is not called "input".
#
# Guess: the input is found by its type, since names in NIR are free (nirtorch and others number them), or its absence is
# an error. Seen: the chain is followed from the name "input"; if nothing has that name, no layer is read, and what comes
# out is what went in.
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


def output(name: str) -> float:
    nodes = {
        name: nir.Input(np.array([1])),
        "fc": nir.Linear(np.array([[2.0]])),
        "output": nir.Output(np.array([1])),
    }
    graph = nir.NIRGraph(nodes, [(name, "fc"), ("fc", "output")])
    return float(spyx.nir.from_nir(graph, jnp.ones((1, 1, 1)))[1].item())


print("input:", output("input"), "images:", output("images"))
assert output("input") == 2.0
assert output("images") == 1.0
PYTHON
