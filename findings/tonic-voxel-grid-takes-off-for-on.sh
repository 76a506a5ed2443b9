#!/usr/bin/env bash
# Tonic 1.7.0: a voxel grid counts events of both polarities as +1 where polarity is a bool, as in its own event type.
#
# Guess: `ToVoxelGrid` adds +1 for an ON event and -1 for an OFF event, whatever type the polarity has. Seen: it writes -1
# into the polarity of the events itself; where that is a bool, as in `tonic.io.events_struct` and in DVSGesture,
# CIFAR10DVS, DVSLip and DSEC, -1 becomes True, which counts +1. The grid of a recording of OFF events alone is that of ON
# events, and nothing warns. With the polarity as an integer the two have opposite signs.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 h5py==3.16.0 scipy==1.17.1 tqdm==4.70.1 requests==2.34.2 typing-extensions==4.16.0
"$folder/venv/bin/pip" install --quiet --no-deps tonic==1.7.0 importRosbag==1.0.4 expelliarmus==1.1.12
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
from tonic.datasets import DVSGesture
from tonic.io import events_struct, make_structured_array
from tonic.transforms import ToVoxelGrid

rng = np.random.default_rng(0)
times = np.sort(rng.integers(0, 100_000, 1000))
x, y = rng.integers(0, 8, 1000), rng.integers(0, 8, 1000)
whole = np.dtype([("x", np.int16), ("y", np.int16), ("t", np.int64), ("p", np.int8)])
assert events_struct["p"] == DVSGesture.dtype["p"] == bool


def grid(polarity, dtype):
    return ToVoxelGrid(sensor_size=(8, 8, 2), n_time_bins=5)(make_structured_array(x, y, times, polarity, dtype=dtype))


on, off = np.ones(1000, int), np.zeros(1000, int)
for name, dtype in ("bool", events_struct), ("int8", whole):
    print(f"polarity is {name}: sum of ON events {grid(on, dtype).sum():.1f}, of OFF events {grid(off, dtype).sum():.1f}")
assert (grid(off, events_struct) == grid(on, events_struct)).all()
assert (grid(off, whole) == -grid(on, whole)).all()
assert grid(on, whole).sum() > 800
PYTHON
