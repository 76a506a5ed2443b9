#!/usr/bin/env bash
# Tonic 1.7.0: noise of `UniformNoise` is ON noise where polarity is a bool, as in its own event type.
#
# Guess: noise is spread evenly over pixels, time and both polarities, as over `sensor_size` of (10, 10, 2). Seen: a
# polarity is drawn as a real number between 0 and 2 and cast; in `tonic.io.events_struct` and in DVSGesture and
# CIFAR10DVS, where it is a bool, all but 0 is True. Of 10,000 noise events none is OFF; with the polarity as a whole
# number half of them are. Where frames have a channel for each polarity, all noise is in one, and the other stays
# clean.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile numpy==2.4.6 h5py==3.16.0 scipy==1.17.1 tqdm==4.70.1 \
    requests==2.34.2 typing-extensions==4.16.0
"$folder/venv/bin/pip" install --quiet --no-deps tonic==1.7.0 importRosbag==1.0.4 expelliarmus==1.1.12
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
from tonic.datasets import DVSGesture
from tonic.io import events_struct, make_structured_array
from tonic.transforms import UniformNoise

np.random.seed(0)
whole = np.dtype([("x", np.int16), ("y", np.int16), ("t", np.int64), ("p", np.int8)])
assert events_struct["p"] == DVSGesture.dtype["p"] == bool
seen = {}
for name, dtype in ("bool", events_struct), ("int8", whole):
    two = make_structured_array([0, 0], [0, 0], [0, 1_000_000], [0, 0], dtype=dtype)
    noisy = UniformNoise(sensor_size=(10, 10, 2), n=10_000)(two)
    seen[name] = np.bincount(noisy["p"].astype(int), minlength=2).tolist()
    print(f"polarity is {name}: {seen[name][0] - 2} OFF and {seen[name][1]} ON events of noise")
assert seen["bool"] == [2, 10_000]
assert min(seen["int8"]) > 4_800
PYTHON
