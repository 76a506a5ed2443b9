#!/usr/bin/env bash
# Tonic 1.7.0: of a pixel that sends an event every 500 us, `RefractoryPeriod(1000)` keeps none at all.
#
# Guess: after an event a pixel is silent for the period, as a sensor's pixel or a neuron is, so that of events every
# 500 us about one in three is left (the next one that is more than 1,000 us later). Seen: an event that is dropped
# starts the period anew, and so does the beginning of the recording, at 0. A pixel whose events are no further apart
# than the period has no event left in 100 ms: the busiest pixels go dark, where a refractory period bounds their rate.
# The formula in the docstring, t_n - t_(n-1), does not say whether n counts events or those that were kept.
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
from tonic.transforms import RefractoryPeriod


def pixel(times):
    zeros = np.zeros(len(times), int)
    return make_structured_array(zeros, zeros, times, zeros)


def bounded(times, period):
    last, kept = -np.inf, 0
    for time in times:
        if time - last > period:
            last, kept = time, kept + 1
    return kept


seen = {}
for gap in (500, 1001):
    times = np.arange(0, 100_000, gap)
    seen[gap] = len(RefractoryPeriod(1000)(pixel(times)))
    print(f"an event every {gap} us: {len(times)} events, {seen[gap]} kept, {bounded(times, 1000)} expected")
assert seen == {500: 0, 1001: 99}
assert RefractoryPeriod(1000)(pixel([0, 5000]))["t"].tolist() == [5000]
PYTHON
