#!/usr/bin/env bash
# POT 0.9.7: `wasserstein_1d` takes weights of any sum, and what it returns for spike counts is no distance.
#
# Guess: spikes counted per step weigh the steps, and two trains with other numbers of spikes are either refused, as
# `emd2_1d` of the same package refuses them, or compared by their shares, as SciPy does. Seen: quantiles are integrated
# up to the larger of the two sums, where the formula in the documentation goes to 1. A train that has each spike of
# another twice is at 60 from it, and comes nearer when it is moved 4 steps away. Where the sums are equal, as in two
# histograms of the rates of N neurons, the distance is N times that of their shares. No error, no warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile numpy==2.4.6 scipy==1.17.1
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps pot==0.9.7.post1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import ot
from scipy.stats import wasserstein_distance

steps = np.arange(8.0)
once = np.array([4.0, 3, 2, 1, 0, 0, 0, 0])
trains = {"the same": once, "each spike twice": 2 * once, "twice, 4 steps later": 2 * np.roll(once, 4)}
found = {}
for name, other in trains.items():
    shares = ot.wasserstein_1d(steps, steps, once / once.sum(), other / other.sum())
    by_scipy = wasserstein_distance(steps, steps, once, other)
    counts = found[name] = ot.wasserstein_1d(steps, steps, once, other)
    print(f"{name}: counts {counts:.2f}, shares {shares:.2f}, SciPy {by_scipy:.2f}")
    assert abs(shares - by_scipy) < 1e-9
assert found == {"the same": 0, "each spike twice": 60, "twice, 4 steps later": 44}
assert ot.wasserstein_1d(steps, steps, once, np.roll(once, 4)) == 4 * once.sum()
try:
    ot.emd2_1d(steps, steps, once, 2 * once)
except AssertionError:
    print("emd2_1d refuses counts of other sums")
else:
    raise SystemExit("emd2_1d took them")
PYTHON
