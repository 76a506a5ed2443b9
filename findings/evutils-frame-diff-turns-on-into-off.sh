#!/usr/bin/env bash
# evutils 0.3.18: in `frame_diff` a pixel with 128 ON events more than OFF is the most negative one of the frame.
#
# It gives ON events less OFF events of each pixel. Guess: more ON events, a larger value, up to the largest that its
# default int8 has; its neighbour `histogram` stops there, at 255. Seen: it counts on beyond 127. 128 ON events are -128, 200
# are -56, 256 are 0, a pixel at which nothing happened, and 128 OFF events more than one are +127. The pixels that are
# wrong are the busiest ones of a scene, or hot. Of a stream in which a third of the pixels fires more than 127 times no
# value is out of range, and no warning comes; with dtype=np.int16 it is right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile numpy==2.2.6 numba==0.61.2
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps evutils==0.3.18
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
from evutils.dense import frame_diff, histogram
from evutils.types import Event_dtype

SIDE = 8


def stream(on, off):
    pixels = np.repeat(np.arange(SIDE * SIDE), on + off)
    events = np.zeros(len(pixels), Event_dtype)
    events["p"] = np.concatenate([np.repeat([1, 0], pair) for pair in zip(on, off, strict=True)])
    events["x"], events["y"], events["t"] = pixels % SIDE, pixels // SIDE, np.arange(len(pixels))
    return events


for n in (127, 128, 200, 256, 300):
    on, off = np.zeros((2, SIDE * SIDE), int)
    on[0], off[1] = n, n + 1
    events = stream(on, off)
    found = frame_diff(events, SIDE, SIDE)[0]
    print(f"{n} ON events: {found[0]}, histogram {histogram(events, SIDE, SIDE)[0, 0, 0]}; {n + 1} OFF events: {found[1]}")
    assert found[0] == (n + 128) % 256 - 128 and found[1] == (-n - 1 + 128) % 256 - 128
    assert histogram(events, SIDE, SIDE)[0, 0, 0] == min(n, 255)

rng = np.random.default_rng(0)
on, off = rng.poisson(rng.uniform(0, 250, SIDE * SIDE)), rng.poisson(20, SIDE * SIDE)
events = stream(on, off)
found, wide = frame_diff(events, SIDE, SIDE).ravel(), frame_diff(events, SIDE, SIDE, dtype=np.int16).ravel()
wrong = int((np.sign(found) != np.sign(on - off)).sum())
print(f"a busy stream: {wrong} of {SIDE * SIDE} pixels have the other sign, {int((wide != on - off).sum())} with int16")
assert np.array_equal(wide, on - off) and wrong == ((on - off) > 127).sum() > SIDE * SIDE / 4
PYTHON
