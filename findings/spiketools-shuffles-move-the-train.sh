#!/usr/bin/env bash
# spiketools 0.2.2: shuffled spike trains lie beside the recording, and by each method elsewhere.
#
# `shuffle_spikes` makes surrogates, to which a measure of the real train is compared; `start_time` is "the start time of the
# input spikes, used to set the time values of the shuffled outputs". Guess: given the start of the recording, or else the
# first spike, surrogates of all methods are in the span of the recording. Seen: shuffled intervals start with a spike at
# `start_time`, so that it has to be the first spike's; circular ones count from the whole second before the first spike, so
# that it has to be that second, and are 1 ms late, since bin i becomes the time of bin i + 1. For a train whose first spike
# is at 100.3 s one value makes the one, and the other the others, 0.3 s wrong: a peak of the real train is compared
# to what surrogates do 0.3 s away, or beyond the end. Without `start_time` all begin at 0. No warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile numpy==1.26.4 scipy==1.15.3
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps spiketools==0.2.2
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
from spiketools.stats.shuffle import shuffle_spikes

np.random.seed(0)
START, LENGTH, FIRST = 100.0, 30_000, 300  # A recording from 100 to 130 s, its first spike after 300 ms.
bins = np.r_[FIRST, np.sort(np.random.choice(np.arange(FIRST + 1, 29_700), 298, replace=False)), 29_700]
spikes = START + (bins + 0.5) / 1000
half = LENGTH // 2
rotated = np.sort((bins + half) % (LENGTH + 1))  # The train of bins that it makes has one more, for 130.0 s.


def late(start_time):
    intervals = shuffle_spikes(spikes, "isi", n_shuffles=100, start_time=start_time)
    circular = shuffle_spikes(spikes, "circular", n_shuffles=1, start_time=start_time, shuffle_min=half)[0]
    first, last = np.unique(intervals[:, 0].round(4)), np.unique(intervals[:, -1].round(4))
    assert len(first) == len(last) == 1  # All surrogates have a spike at the same two times.
    moved = np.unique((circular - START - rotated / 1000).round(4))
    assert len(moved) == 1
    return float(first[0] - spikes[0]), float(moved[0]), float(circular.max())


found = {}
for name, start_time in ("its first spike", spikes[0]), ("the recording", START), ("0, the default", 0):
    found[name] = late(start_time)
    shown = found[name]
    print(f"start_time of {name}: intervals {shown[0]:+.4f} s, circular {shown[1]:+.4f} s, to {shown[2]:.3f}")
assert np.allclose(found["its first spike"][:2], (0, 0.3015), atol=1e-6) and found["its first spike"][2] > 130
assert np.allclose(found["the recording"][:2], (-0.3005, 0.001), atol=1e-6)
assert np.allclose(found["0, the default"][:2], (-100.3005, -99.999), atol=1e-6)
PYTHON
