#!/usr/bin/env bash
# Spyx 1.0.0: `to_nir` writes a LIF neuron's decay as its resistance.
#
# Guess: the neuron is V <- beta V + x, so its node has tau = dt / (1 - beta) and r = tau / dt: then NIR's equation gives
# inputs the gain 1 that they have. Seen: tau is that, and r is beta. By NIR's equation an input counts beta (1 - beta): at
# beta = 0.8, 0.16 in place of 1. Who reads the file as NIR defines it gets a network that hardly fires; Spyx itself reads
# r not at all, and so sees no difference.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet spyx==1.0.0 nir==1.0.8 numpy==2.4.6 jax==0.10.2 jaxlib==0.10.2 flax==0.12.8
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import spyx.nir
import spyx.nn
from flax import nnx

neuron = spyx.nn.LIF((1,), beta=0.8, rngs=nnx.Rngs(0))
graph = spyx.nir.to_nir(nnx.Sequential(neuron), {"input": np.array([1])}, {"output": np.array([1])}, dt=1)
node = graph.nodes["layer_0"]
tau, resistance = float(node.tau.item()), float(node.r.item())
print(f"tau = {tau:.4f}, r = {resistance:.4f}, gain of an input by NIR's equation: {resistance / tau:.4f}")
assert abs(tau - 5) < 1e-3
assert abs(resistance - 0.8) < 1e-4
PYTHON
