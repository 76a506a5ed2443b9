#!/usr/bin/env bash
# slax 0.0.1: a liquid time constant neuron settles at half of its input, and below a decay of 1/2 it turns its sign.
#
# `LTC` cites Yin et al. (2023): a potential moves towards its input, v + (1 - alpha) (x - v), with an alpha that a layer
# computes. Guess: with a constant alpha it is a leaky integrator, which settles at its input x. Seen: the old potential is
# multiplied by alpha and then taken off once more, alpha v + (1 - alpha) (x - v), which is (2 alpha - 1) v + (1 - alpha) x.
# At an alpha of 1/2, which is what layers give at their start, nothing of the last step is left; below, potentials swing
# to the other sign in each step; above, time constants are about half, and any constant input brings half of its
# potential: what is below twice the threshold of 0.1 never fires.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 flax==0.12.8 optax==0.2.8 \
    scikit-learn==1.9.1 matplotlib==3.11.2 tqdm==4.70.1
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps slax==0.0.1
JAX_PLATFORMS=cpu "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import jax
import jax.numpy as jnp
import numpy as np
import slax
from flax import linen as nn

START = 0.1  # a potential set in step 0 by hand


def potentials(alpha, value, start=0.0):
    """Potentials over 200 steps of `value`, where three layers with constant outputs give `alpha`."""
    bias = np.log(alpha / (1 - alpha)) / 3
    layer = nn.Dense(1, kernel_init=nn.initializers.zeros_init(), bias_init=nn.initializers.constant(bias))
    neuron, x = slax.LTC(connection_fn=layer), jnp.full(1, value)
    variables = neuron.init(jax.random.PRNGKey(0), x)
    carry = {name: jnp.zeros(1) for name in ("Spk_t", "B_t")} | {"Vmem": jnp.full(1, start)}
    found = []
    for _ in range(200):
        spikes, state = neuron.apply({"params": variables["params"], "carry": carry}, x, mutable="carry")
        carry = state["carry"]
        assert not spikes.any()
        found.append(carry["Vmem"].item())
    return np.array(found)


for alpha in 0.5, 0.9, 0.98:
    found = potentials(alpha, 0.19)
    v, plain = 0.0, []
    for _ in range(200):
        plain.append(v := v + (1 - alpha) * (0.19 - v))
    print(f"alpha {alpha}: settles at {found[-1]:.4f}, a leaky integrator at {plain[-1]:.4f}; threshold 0.1")
    assert abs(found[-1] - 0.095) < 1e-3 and plain[-1] > 0.18
swing = potentials(0.3, 0.0, start=-START)[:4]
print("alpha 0.3, from -0.1 without input:", swing.round(4), "in place of", [round(-START * 0.3**n, 4) for n in range(1, 5)])
assert np.allclose(swing, [-START * (-0.4) ** n for n in range(1, 5)], atol=1e-5)
PYTHON
