#!/usr/bin/env bash
# Tonic 1.7.0: averaged time surfaces with linear decay are negative at the defaults, the more so the more happens.
#
# Guess: `ToAveragedTimesurface(decay="lin")` gives each past event of the neighbourhood a weight that falls from 1 to 0, as
# `decay="exp"` does along a curve, so that a cell with more events has larger values. Seen: the weight is 1 - age / (3 tau)
# for all events of the time window and goes on below 0; with the default tau of 100 and window of 1,000 the oldest ones
# count -2.3. Twice as many random events have a surface twice as far below 0, where the exponential one and one that
# stops at 0 are twice as far above it. Signs depend on the window, which is said to be "how far back to look".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile numpy==2.4.6 h5py==3.16.0 scipy==1.17.1 tqdm==4.70.1 \
    requests==2.34.2 typing-extensions==4.16.0
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps tonic==1.7.0 importRosbag==1.0.4 expelliarmus==1.1.12
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
from tonic.io import make_structured_array
from tonic.transforms import ToAveragedTimesurface

SIDE, REACH, TAU, WINDOW = 10, 2, 100, 1000  # The class's defaults: a cell, half a surface, and microseconds.
WEIGHTS = {
    "exp": lambda age: np.exp(-age / TAU),
    "linear, to 0": lambda age: np.maximum(0, 1 - age / (3 * TAU)),
    "linear, on and on": lambda age: 1 - age / (3 * TAU),
}


def expected(x, y, t, weight):
    surface = np.zeros((2 * REACH + 1, 2 * REACH + 1))
    for i in range(len(t)):
        right, below, age = x[:i] - x[i], y[:i] - y[i], t[i] - t[:i]
        near = (abs(right) <= REACH) & (abs(below) <= REACH) & (age <= WINDOW)
        np.add.at(surface, (below[near] + REACH, right[near] + REACH), weight(age[near]))
        surface[REACH, REACH] += 1
    return surface / len(t)


means = {}
for count in (1000, 2000, 4000):
    rng = np.random.default_rng(0)
    x, y, t = *rng.integers(0, SIDE, (2, count)), np.sort(rng.integers(0, 20_000, count))
    events = make_structured_array(x, y, t, np.ones(count, int))
    found = {way: ToAveragedTimesurface((SIDE, SIDE, 2), decay=way)(events)[0, 1] for way in ("exp", "lin")}
    right = {name: expected(x, y, t, weight) for name, weight in WEIGHTS.items()}
    assert np.allclose(found["exp"], right["exp"], atol=1e-4)
    assert np.allclose(found["lin"], right["linear, on and on"], atol=1e-3)
    # The centre also holds the event itself.
    means[count] = [float(np.delete(surface.ravel(), 12).mean()) for surface in (*found.values(), right["linear, to 0"])]
    print(f"{count} events in 20 ms: exp {means[count][0]:.2f}, lin {means[count][1]:.2f}, stopped at 0 {means[count][2]:.2f}")
assert means[1000][1] < -0.1 and means[4000][1] < 3.5 * means[1000][1]
assert all(means[4000][way] > 3.5 * means[1000][way] > 0 for way in (0, 2))
PYTHON
