#!/usr/bin/env bash
# Tonic 1.7.0: `read_davis_346` makes two events of every pixel of every frame that the camera took between the events.
#
# A DAVIS records grey frames beside its events; in AEDAT 2.0 both are words of one stream, and bit 31 says which is which
# (jAER's `DavisChip`). Guess: "the aer events from DAVIS346" are those with bit 31 clear. Seen: nobody looks at the bit.
# One frame, which reads each pixel at reset and after exposure, adds 179,920 events to the 1,000 of this recording, all
# with the polarity that a bit of the frame word happens to have; at 20 frames a second that is some 3.6 million events
# a second that are none. eventcv 1.0.8 finds the 1,000. The mend is an open pull request of Tonic (291, of 2024).
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

WIDTH, HEIGHT, FRAME_AT = 346, 260, 500_000
HEAD = (
    "#!AER-DAT2.0\r\n# This is a raw AE data file - do not edit\r\n"
    "# Creation time: System.currentTimeMillis() 1480000000000\r\n# AEChip: eu.seebetter.ini.chips.davis.Davis346blue\r\n"
)
rng = np.random.default_rng(0)
t = np.sort(rng.choice(1_000_000, 1000, replace=False))
t[t == FRAME_AT] += 1
x, y, on = rng.integers(0, WIDTH, 1000), rng.integers(0, HEIGHT, 1000), rng.integers(0, 2, 1000)


def words(address, time):
    return np.stack(np.broadcast_arrays(address, time), axis=-1).astype(">u4")


events = words(y << 22 | x << 12 | on << 11, t)
rows, columns = np.divmod(np.arange(WIDTH * HEIGHT), WIDTH)
reads = [
    words(1 << 31 | rows << 22 | columns << 12 | kind << 10 | rng.integers(100, 900, len(rows)), FRAME_AT)
    for kind in (0, 1)  # At reset, and after exposure; the lowest ten bits are the brightness.
]
before = int((t < FRAME_AT).sum())
recordings = {"events alone": [events], "with one frame": [events[:before], *reads, events[before:]]}
found = {}
for name, parts in recordings.items():
    Path("davis.aedat").write_bytes(HEAD.encode() + b"".join(part.tobytes() for part in parts))
    read = read_davis_346("davis.aedat")[-1]
    found[name] = len(read), len(eventcv.load("davis.aedat").numpy())
    print(f"{name}: Tonic reads {found[name][0]} events, {int((read['t'] == FRAME_AT).sum())} of them at the frame's time", end="; ")
    print(f"eventcv reads {found[name][1]}")
assert found == {"events alone": (1000, 1000), "with one frame": (1000 + 2 * WIDTH * HEIGHT, 1000)}
PYTHON
