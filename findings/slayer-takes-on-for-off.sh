#!/usr/bin/env bash
# SLAYER (lava-dl 0.6.0): events that are all ON are read as OFF, and the caller's array of polarities is overwritten.
#
# Guess: the channel of an event is the one that it was given, so that ON events are in channel 1 of a tensor of two
# channels. Seen: `Event` takes the smallest channel off all, so that the first one that occurs is channel 0. A pixel, a
# crop or a short window that has ON events alone comes out as OFF events, one that has both is right, and what a network
# sees of the same event depends on the others. The subtraction is done in place, on the array that the caller passed: of
# the recording that a window was cut from, those polarities are OFF from then on. No error, no warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0 numpy==2.4.6 h5py==3.16.0 matplotlib==3.11.2
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps --ignore-requires-python lava-dl==0.6.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sys
import types

import numpy as np

# It needs OpenCV and torchvision, and nothing here needs it.
sys.modules["lava.lib.dl.slayer.object_detection"] = types.ModuleType("object_detection")

from lava.lib.dl.slayer.io import Event

times = np.arange(8.0)
x = y = np.zeros(8, int)
polarity = np.array([1, 1, 1, 1, 0, 1, 0, 1])
whole = Event(x, y, polarity, times).to_tensor(dim=(2, 1, 1, 8))[:, 0, 0]
first = Event(x[:4], y[:4], polarity[:4], times[:4]).to_tensor(dim=(2, 1, 1, 8))[:, 0, 0]
print("first half of the recording, from all of it: OFF", whole[0, :4], "ON", whole[1, :4])
print("first half of the recording, cut out before: OFF", first[0, :4], "ON", first[1, :4])
print("polarities afterwards:", polarity)
assert whole[1, :4].all() and not whole[0, :4].any()
assert first[0, :4].all() and not first[1].any()
assert polarity.tolist() == [0, 0, 0, 0, 0, 1, 0, 1]
PYTHON
