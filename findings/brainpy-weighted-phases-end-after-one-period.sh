#!/usr/bin/env bash
# BrainPy 2.8.2: a weighted-phase code has spikes in its first period only.
#
# Weights of the phases repeat every `num_phase` steps (Kim et al. 2018), and `num_step` may be longer. Guess: the code
# repeats with them, as in SpikingJelly, so that a network that runs for four periods sees the value four times. Seen:
# each spike is taken from the value, which is not restored when a period ends; what is left then is less than the
# least weight, and all later periods are silent. A rate over the run falls with its length; a network that runs 4 periods
# gets a quarter of its input. No warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile brainpy==2.8.2 brainstate==0.5.4 brainunit==0.5.2 \
    brainevent==0.2.1 braintools==0.3.0 brainpy_state==0.1.0 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import brainpy as bp
import numpy as np

PHASES, PERIODS = 8, 4
values = np.arange(256) / 255
encoder = bp.encoding.WeightedPhaseEncoder(0.0, 1.0, PHASES)
spikes = np.asarray(bp.math.as_jax(encoder(bp.math.asarray(values), PHASES * PERIODS))).reshape(PERIODS, PHASES, -1)
weights = np.array([float(encoder.weight_fun(step)) for step in range(PHASES * PERIODS)]).reshape(PERIODS, PHASES)
assert (weights == weights[0]).all()
decoded = (spikes * weights[:, :, None]).sum(axis=1)
print("spikes by period:", spikes.sum(axis=(1, 2)).astype(int).tolist())
print("the value 0.8 by period:", decoded[:, 204].round(3).tolist())
assert abs(decoded[0] - values).max() < 1 / 64
assert spikes[0].sum() == 1024 and spikes[1:].sum() == 0
PYTHON
