#!/usr/bin/env bash
# evio 0.1.0: the last time bin of `binary_tensor`, what it has for spiking networks, holds the last microsecond alone.
#
# "One bit per pixel per time bin", and times are "mapped onto [0, bins)". Guess: a recording is cut into `bins` parts of one
# length. Seen: times are mapped onto [0, bins - 1], as the voxel grid between whose bins an event is divided needs it, and
# are then rounded down. With 2 bins all events but those of the last microsecond are in the first, and a network of
# 4 steps sees the recording in 3, and then nothing: of 8,000 events of uniform times the last step has 1. At 10 bins
# each step is a ninth longer than it should be. `frames` of the same package has bins of one length. No warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile numpy==2.4.6
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps evio==0.1.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import evio
import numpy as np

rng = np.random.default_rng(0)
SIDE, EVENTS, MICROSECONDS = 64, 8000, 10_000_000
t = np.sort(rng.choice(MICROSECONDS, EVENTS, replace=False))
t[0], t[-1] = 0, MICROSECONDS - 1
where = rng.permutation(2 * SIDE * SIDE)[:EVENTS]  # Each pixel has at most one event of a polarity.
events = evio.from_arrays(where % SIDE, where // SIDE % SIDE, t, where // SIDE**2)


def fired(tensor):
    return tensor.reshape(len(tensor), -1).sum(1).astype(int).tolist()


for bins in (2, 4, 10):
    found = fired(evio.binary_tensor(events, bins=bins, sensor_size=(SIDE, SIDE)))
    even = fired(evio.frames(events, MICROSECONDS // bins, sensor_size=(SIDE, SIDE)) > 0)
    print(f"{bins} bins: {found} pixels fire, in parts of one length {even}")
    assert even == np.bincount(t * bins // MICROSECONDS).tolist()
    assert found == np.bincount(t * (bins - 1) // (MICROSECONDS - 1)).tolist() and found[-1] == 1
PYTHON
