#!/usr/bin/env bash
# aermanager 0.3.0: frames with the bins that its documentation names have a row and a column less than the sensor.
#
# `accumulate_frames` and `create_raster_from_xytp` take edges of bins, "typically range(0, height_of_sensor) and
# range(0, width_of_sensor)". Guess: frames of the sensor's size, an event to a pixel. Seen: so many edges make one bin
# less, and the last one has both its ends, so that the last two rows, and the last two columns, are one. Every event is
# there, so that sums are right; the corner pixel has the events of four. No warning; range(height + 1) is right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile numpy==2.4.6
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps aermanager==0.3.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
from aermanager.preprocess import create_raster_from_xytp

HEIGHT, WIDTH = 4, 6
pixels = [(x, y, 10 * index, True) for index, (y, x) in enumerate(np.ndindex(HEIGHT, WIDTH))]
last = [(0, 0, 1000, False)]  # which ends the recording
events = np.array(pixels + last, dtype=[("x", np.uint16), ("y", np.uint16), ("t", np.int64), ("p", bool)])
frames = create_raster_from_xytp(events, 2000, range(HEIGHT), range(WIDTH))
print("by the documentation:", frames.shape, "\n", frames[0, 1])
assert frames.shape == (1, 2, HEIGHT - 1, WIDTH - 1)
assert frames.sum() == len(events)
assert (frames[0, 1, :-1, :-1] == 1).all() and (frames[0, 1, -1, :-1] == 2).all() and frames[0, 1, -1, -1] == 4
right = create_raster_from_xytp(events, 2000, range(HEIGHT + 1), range(WIDTH + 1))
assert right.shape == (1, 2, HEIGHT, WIDTH) and (right[0, 1] == 1).all()
PYTHON
