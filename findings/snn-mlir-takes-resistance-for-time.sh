#!/usr/bin/env bash
# snn-mlir 1.0.0: a LIF of resistance 1 loses its memory, and one below 1 has a negative decay.
#
# A NIR LIF is tau dv/dt = (v_leak - v) + r I, and a step's length is no part of it. Guess: whoever compiles it asks for the
# step, and a resistance of 1, as jaxpike 0.1.4 and Norse write it, is a gain of 1. Seen: the step is taken to be tau / r,
# which holds for snnTorch's files alone (r = tau / dt). At r = 1 a neuron with a time constant of 20 steps is compiled
# with a decay of 0, as int8 too: it forgets all at each step, and needs all its input at once. At r = 0.5 the decay is -1:
# the potential changes sign at every step. `check`, which is to say what is not supported, finds nothing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile snn-mlir==1.0.0 jaxpike==0.1.4 jax==0.10.2 nir==1.0.8 numpy==2.4.6
JAX_PLATFORMS=cpu "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import re

import jax
import numpy as np
import snn_mlir
from jaxpike import LIF, Dense, Sequential
from jaxpike.nir import to_nir

network = Sequential(Dense(4, 2, key=jax.random.key(0)), LIF(tau=20.0, reset="zero"))
graph = to_nir(network, (1, 4), dt_seconds=1e-3)
neuron = next(node for node in graph.nodes.values() if type(node).__name__ == "LIF")


def compiled(resistance):
    neuron.r = np.full_like(neuron.tau, resistance)
    decay = re.search(r"decay_float = (\S+)", snn_mlir.to_mlir(graph))[1]
    fixed = re.search(r"decay_int = (\S+)", snn_mlir.to_mlir(graph, quantize=True))[1]
    return float(decay), int(fixed), snn_mlir.check(graph).findings


assert (neuron.r == 1).all() and np.allclose(neuron.tau, 0.02), "as jaxpike writes it"
for resistance, expected in {1.0: 0.0, 0.5: -1.0, 20.0: 0.95}.items():
    decay, fixed, findings = compiled(resistance)
    print(f"tau 0.02, r {resistance}: compiled with decay {decay:.2f}, in 4096ths {fixed}; found: {findings}")
    assert np.isclose(decay, expected) and fixed == round(expected * 4096) and not findings
print("in jaxpike it is exp(-1 / 20) =", round(float(np.exp(-1 / 20)), 3))
PYTHON
