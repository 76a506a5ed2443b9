#!/usr/bin/env bash
# BrainPy 2.8.2: a latency code that leaves out dim inputs leaves out all values of 0 and less, whatever their range.
#
# `LatencyEncoder(min_val, max_val, threshold, clip=True)` maps values to 0 to 1, "features below the threshold" of 1 %
# do not fire. Guess: of values from -1 to 1, which is how images often are normalized, those below -0.98 do not fire.
# Seen: the threshold is compared with the values as they are given: all below 0.01 are left out, half of the range, among
# them those that would fire in the middle of the run. Of bytes from 0 to 255 only 0 is, where 1 and 2 are below 1 %, too.
# No warning; values that are given between 0 and 1 are right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile brainpy==2.8.2 brainstate==0.5.4 brainunit==0.5.2 \
    brainevent==0.2.1 braintools==0.3.0 brainpy_state==0.1.0 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import brainpy as bp
import numpy as np

bp.math.set_dt(0.1)
unit = np.arange(256) / 255


def silent(low, high, clip):
    """Which of 256 values from `low` to `high` do not fire in 100 steps."""
    encoder = bp.encoding.LatencyEncoder(low, high, method="linear", threshold=0.01, clip=clip, normalize=True)
    spikes = encoder.multi_steps(bp.math.asarray(low + unit * (high - low)), n_time=10.0)
    return np.asarray(bp.math.as_jax(spikes)).sum(axis=0) == 0


found = {}
for low, high in (0.0, 1.0), (-1.0, 1.0), (0.0, 255.0):
    assert not silent(low, high, clip=False).any()
    found[low, high] = silent(low, high, clip=True)
    print(f"values from {low} to {high}: {found[low, high].sum()} of 256 do not fire, up to {unit[found[low, high]].max():.3f} of the range")
    assert (found[low, high] == (low + unit * (high - low) < 0.01)).all()
assert found[0.0, 1.0].sum() == 3 and found[-1.0, 1.0].sum() == 129 and found[0.0, 255.0].sum() == 1
PYTHON
