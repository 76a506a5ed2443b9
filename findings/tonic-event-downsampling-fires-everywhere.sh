#!/usr/bin/env bash
# Tonic 1.7.0: `EventDownsampling` by its integrator, at the noise threshold that is called its default, makes 3,909
# events of 1,000, most of them at pixels where nothing happened.
#
# Guess: `noise_threshold` is the "number of events in downsampled pixel required to emit spike. Zero by default", so
# that at 0 every pixel with an event sends one. Seen: a pixel fires where its sum is at least the threshold, ON, and
# where its negative is, OFF; at 0 a pixel without any event does both, at every step of the recording. 256 pixels at 9
# steps send at least 2,304 events whatever is in the file. Left at its default the argument is None, and an assertion
# without a message asks for an int. At 1 the same events give 699.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile numpy==2.4.6 h5py==3.16.0 scipy==1.17.1 tqdm==4.70.1 \
    requests==2.34.2 typing-extensions==4.16.0
"$folder/venv/bin/pip" install --quiet --no-deps tonic==1.7.0 importRosbag==1.0.4 expelliarmus==1.1.12
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
from tonic.io import make_structured_array
from tonic.transforms import EventDownsampling

rng = np.random.default_rng(0)
events = make_structured_array(
    rng.integers(0, 64, 1000),
    rng.integers(0, 64, 1000),
    np.sort(rng.integers(0, 100_000, 1000)),
    rng.integers(0, 2, 1000),
)
corner = events.copy()
corner["x"], corner["y"] = 0, 0
seen = {}
for threshold in (0, 1):
    down = EventDownsampling((64, 64, 2), (16, 16), "integrator", dt=10.0, noise_threshold=threshold)
    seen[threshold] = len(down(events))
    elsewhere = sum(bool(x or y) for x, y in down(corner)[["x", "y"]].tolist())
    print(f"threshold {threshold}: {len(events)} events become {seen[threshold]};", end=" ")
    print(f"of events at one pixel alone, {elsewhere} are elsewhere")
    assert (elsewhere > 4000) == (threshold == 0)
assert seen[0] > 3 * len(events) > 3 * seen[1]
PYTHON
