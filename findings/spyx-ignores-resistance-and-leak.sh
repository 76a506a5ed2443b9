#!/usr/bin/env bash
# Spyx 1.0.0: `from_nir` takes tau and the threshold of a LIF node, and leaves its resistance and its leak potential.
#
# Guess: a reader turns tau dv/dt = (v_leak - v) + r I into steps with r in the gain and v_leak in the drift, or says that
# it cannot. Seen: r = 1 and r = 8 give the same spikes, and a neuron whose v_leak is twice its threshold, which fires
# without any input, stays silent. The gain is 1 whatever r dt / tau is: with tau = 4 and r = 1, inputs count four times.
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


def spikes(resistance: float, leak: float, current: float) -> list[float]:
    neuron = nir.LIF(np.array([4.0]), np.array([resistance]), np.array([leak]), np.array([1.0]))
    nodes = {"input": nir.Input(np.array([1])), "lif": neuron, "output": nir.Output(np.array([1]))}
    graph = nir.NIRGraph(nodes, [("input", "lif"), ("lif", "output")])
    return np.asarray(spyx.nir.from_nir(graph, jnp.full((12, 1, 1), current))[1]).ravel().tolist()


print("r = 1:", spikes(1.0, 0.0, 0.9), "r = 8:", spikes(8.0, 0.0, 0.9), "v_leak = 2:", spikes(4.0, 2.0, 0.0))
# By the equation, r = 1 settles at 0.9 and never fires.
assert spikes(1.0, 0.0, 0.9) == spikes(8.0, 0.0, 0.9)
assert sum(spikes(1.0, 0.0, 0.9)) == 6
assert sum(spikes(4.0, 2.0, 0.0)) == 0
PYTHON
