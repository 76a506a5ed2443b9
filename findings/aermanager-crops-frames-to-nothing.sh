#!/usr/bin/env bash
# aermanager 0.3.0: a frame that is cropped on one side only has no pixel left; its events, cropped alike, are right.
#
# `crop_events` and `crop_frame` take the same crop, ((left, right), (top, bottom)). Guess: a side of 0 is not cropped, in
# either. Seen: `crop_frame` takes the rows up to -bottom, and 0 is no end but the start, so that the frame has no rows,
# or no columns. No error: sums are 0, and networks that pool over the image get empty ones.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile numpy==2.4.6
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps aermanager==0.3.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
from aermanager.preprocess import accumulate_frames, crop_events, crop_frame

HEIGHT, WIDTH = 8, 10
rng = np.random.default_rng(0)
events = np.zeros(500, dtype=[("x", np.uint16), ("y", np.uint16), ("t", np.int64), ("p", bool)])
events["x"], events["y"], events["p"] = rng.integers(0, WIDTH, 500), rng.integers(0, HEIGHT, 500), rng.random(500) < 0.5
edges = range(HEIGHT + 1), range(WIDTH + 1)
shapes = {}
for crop in ((1, 2), (1, 1)), ((1, 2), (3, 0)), ((0, 0), (1, 1)):
    cropped, shape = crop_events(events, (HEIGHT, WIDTH), crop)
    (frame,) = accumulate_frames([events], *edges)
    of_frame = crop_frame(frame, crop)
    shapes[crop] = of_frame.shape[1:]
    print(f"{crop}: events {shape} with {len(cropped)}, frame {of_frame.shape[1:]} with {of_frame.sum()}")
    if 0 not in sum(crop, ()):
        assert of_frame.shape[1:] == shape and of_frame.sum() == len(cropped) > 0
    else:
        assert of_frame.size == 0 and len(cropped) > 0
assert shapes == {((1, 2), (1, 1)): (6, 7), ((1, 2), (3, 0)): (0, 7), ((0, 0), (1, 1)): (6, 0)}
PYTHON
