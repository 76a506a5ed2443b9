#!/usr/bin/env bash
# Tonic 1.7.0: of frames, `RandomTimeReversal` swaps ON and OFF though told not to; without polarities it turns them upside
# down.
#
# Guess: with `flip_polarities=False` the frames (T, P, H, W) of a recording are those of the recording reversed, the last
# one first and each in its channel; frames whose polarities were summed, (T, H, W), come back with rows as they were. Seen:
# a raster has its first two axes turned, whatever they are, and the argument is not looked at. Of four axes the second is
# polarity: what brightened darkens, while the events of the same recording keep theirs. Of three it is the row: every
# reversed sample is upside down. Of one frame (P, H, W), which has no time, channels and rows change. No warning.
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
from tonic.transforms import RandomTimeReversal

STEPS, STEP = 10, 1000
rng = np.random.default_rng(0)
columns, rows, signs = rng.integers(0, 8, 1000), rng.integers(0, 6, 1000), rng.integers(0, 2, 1000)
times = np.sort(rng.integers(0, STEPS * STEP, 1000))
times[[0, -1]] = 0, STEPS * STEP - 1


def frames(x, y, t, p):
    counts = np.zeros((STEPS, 2, 6, 8), int)
    np.add.at(counts, (t // STEP, p.astype(int), y, x), 1)
    return counts


reverse = RandomTimeReversal(p=1.0, flip_polarities=False)
recording = make_structured_array(columns, rows, times, signs)
counts = frames(columns, rows, times, signs)
backwards = counts[::-1]

reversed_events = reverse(recording)
by_events = frames(*(reversed_events[name] for name in "xytp"))
by_frames = reverse(counts)
print("events reversed, then counted, are the frames backwards:", bool((by_events == backwards).all()))
print("frames reversed are the frames backwards:", bool((by_frames == backwards).all()))
print("... with ON and OFF swapped:", bool((by_frames == backwards[:, ::-1]).all()))
assert (by_events == backwards).all()
assert (by_frames == backwards[:, ::-1]).all() and (by_frames != backwards).any()

summed = reverse(counts.sum(axis=1))
print("frames without polarities are upside down:", bool((summed == backwards.sum(axis=1)[:, ::-1]).all()))
assert (summed == backwards.sum(axis=1)[:, ::-1]).all() and (summed != backwards.sum(axis=1)).any()
assert (reverse(counts[0]) == counts[0][::-1, ::-1]).all()
PYTHON
