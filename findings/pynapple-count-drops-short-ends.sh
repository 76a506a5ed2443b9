#!/usr/bin/env bash
# pynapple 0.11.4: `count` leaves out what is left of an epoch, if that is less than half a bin, with its spikes.
#
# Guess: bins follow one another from the start of each epoch to its end, the last may be shorter, and their counts add up
# to the spikes. Seen: there is a last, shorter bin only where its middle, taken as a whole bin's, is still in the epoch.
# Of 1 s of regular spikes at 100 Hz, bins of 0.3 s have 90; bins of 0.4 s have all 100, but those of the last look like
# half the rate, since it has the same width by its time stamp. An epoch below half a bin has no bin: of ten trials of 100
# ms at 100 Hz, bins of 250 ms count 0 spikes, those of 200 ms 10 for each trial, and their rates are 0 or half.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile numpy==2.4.6 scipy==1.17.1 pandas==3.1.1 tabulate==0.10.0
"$folder/venv/bin/pip" install --quiet --no-compile numba==0.68.1 xarray==2026.9.0 rich==15.0.0
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps pynapple==0.11.4
# Numba would take longer to compile than its code runs.
NUMBA_DISABLE_JIT=1 "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import pynapple

spikes = np.arange(1000) * 0.01 + 0.005
second = pynapple.IntervalSet(0, 1)
trials = pynapple.IntervalSet(np.arange(10.0), np.arange(10) + 0.1)
for epochs, size, expected in (second, 0.3, 90), (second, 0.4, 100), (trials, 0.25, 0), (trials, 0.2, 100):
    train = pynapple.Ts(spikes, time_support=epochs)
    counts = train.count(size)
    print(f"{len(train)} spikes in {epochs.tot_length():g} s, bins of {size} s: {counts.values.sum()} in {len(counts)}")
    print("  middles", np.round(counts.times()[-3:], 3), "counts", counts.values[-3:])
    assert len(train) == 100 and counts.values.sum() == expected
PYTHON
