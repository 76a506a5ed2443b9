#!/usr/bin/env bash
# eventcv 1.0.8: a DAVIS recording in AEDAT 2.0 comes out mirrored, left for right.
#
# AEDAT 2.0 is jAER's format. jAER counts a DAVIS's columns from the other side, x = width - 1 - address, and rows from
# below (`DavisBaseCamera`). Guess: eventcv, whose reader turns the rows over "to the top-left image convention", shows
# the picture that jAER shows. Seen: rows are turned, columns are not. An event that jAER has in column 10 is in column 335,
# for every event of a file; writing and the direction of what moves are mirrored. Tonic 1.7.0, which names jAER as
# its source, turns both. Two readers of one data set, one for training and one for the device, see mirror images.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile numpy==2.4.6 h5py==3.16.0 scipy==1.17.1 tqdm==4.70.1 \
    requests==2.34.2 typing-extensions==4.16.0 eventcv==1.0.8
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps tonic==1.7.0 importRosbag==1.0.4 expelliarmus==1.1.12
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from pathlib import Path

import eventcv
import numpy as np
from tonic.io import read_davis_346

WIDTH, HEIGHT = 346, 260
HEAD = (
    "#!AER-DAT2.0\r\n# This is a raw AE data file - do not edit\r\n"
    "# Creation time: System.currentTimeMillis() 1480000000000\r\n# AEChip: eu.seebetter.ini.chips.davis.Davis346blue\r\n"
)
rng = np.random.default_rng(0)
t = np.sort(rng.choice(1_000_000, 1000, replace=False))
x, y, on = rng.integers(0, WIDTH, 1000), rng.integers(0, HEIGHT, 1000), rng.integers(0, 2, 1000)
x[0], y[0] = 10, 20  # As in a picture: column from the left, row from the top.
address = (HEIGHT - 1 - y) << 22 | (WIDTH - 1 - x) << 12 | on << 11
Path("davis.aedat").write_bytes(HEAD.encode() + np.stack([address, t], axis=1).astype(">u4").tobytes())

stream = eventcv.load("davis.aedat")
by_eventcv = stream.numpy()  # Columns x, y, t, p.
by_tonic = read_davis_346("davis.aedat")[-1]
print("an event in column 10, row 20: Tonic reads", (int(by_tonic["x"][0]), int(by_tonic["y"][0])), end=", ")
print("eventcv", tuple(by_eventcv[0, :2].tolist()), "of", stream.sensor_size)
assert tuple(stream.sensor_size) == (WIDTH, HEIGHT)
assert (by_tonic["x"] == x).all() and (by_tonic["y"] == y).all() and (by_tonic["p"] == on).all()
assert (by_eventcv[:, 1] == y).all() and (by_eventcv[:, 2] == t).all() and (by_eventcv[:, 3] == on).all()
assert (by_eventcv[:, 0] == WIDTH - 1 - x).all()
PYTHON
