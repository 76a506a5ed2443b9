#!/usr/bin/env bash
# Tonic 1.7.0: `SpatialJitter` moves half of all events a pixel up and left, however small the jitter is.
#
# Guess: the shifts, drawn from a normal distribution around 0, are rounded to pixels, so that as many events go to the
# right as to the left, and a deviation of a tenth of a pixel moves hardly any. Seen: the real coordinate is cast to that of
# the event, which cuts it off: 49.9 is 49. At any variance the mean shift is half a pixel, to the left and up; with a
# deviation of 0.1 half of the events are one column further left, half one row further up, and none goes the other way.
# It is the same in each epoch, while the test set, which is not augmented, stays where it was. Rounded, the mean is 0.
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
from tonic.transforms import SpatialJitter

COUNT, SIDE = 20_000, 128
rng = np.random.default_rng(0)
x, y = rng.integers(20, SIDE - 20, (2, COUNT))
events = make_structured_array(x, y, np.arange(COUNT), np.ones(COUNT, int))

for variance in (0.01, 1.0, 4.0):
    np.random.seed(0)
    moved = SpatialJitter((SIDE, SIDE, 2), var_x=variance, var_y=variance)(events)
    shifts = np.stack([moved["x"] - x, moved["y"] - y])
    rounded = np.round(rng.normal(0, np.sqrt(variance), (2, COUNT)))
    left, right = (shifts[0] < 0).mean(), (shifts[0] > 0).mean()
    print(f"variance {variance}: mean shift {shifts.mean(axis=1).round(2)}, {left:.0%} of events to the left, {right:.0%} to the "
          f"right; rounded: {rounded.mean(axis=1).round(2)}, {(rounded[0] < 0).mean():.0%} and {(rounded[0] > 0).mean():.0%}")
    assert (abs(shifts.mean(axis=1) + 0.5) < 0.04).all() and (abs(rounded.mean(axis=1)) < 0.05).all()
    assert left > right + 0.1
    if variance == 0.01:
        assert 0.48 < left < 0.52 and right == 0 and (rounded != 0).mean() < 0.01
PYTHON
