#!/usr/bin/env bash
# pyNAVIS 1.2.5: a recording in ticks that keeps its start is shown up to a fifth of its length.
#
# `ts_tick=0.2` is what the settings ask for with recordings of USBAERmini2, whose ticks are 0.2 us; `adapt_timestamps` makes
# microseconds of them, and `reset_timestamp=False` leaves the start where it is. Guess: `min_ts` and `max_ts` are the first
# and last timestamp in microseconds, as they are with `reset_timestamp=True`. Seen: without the reset both are multiplied
# by the tick once more. Sonogram and average activity take their number of bins from them: of a second in bins of 20 ms
# the sonogram has 10 bins in place of 50, and a fifth of the spikes. No warning. Ticks of 1 us are right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile pyNAVIS==1.2.5 numpy==2.4.6 scipy==1.17.1 matplotlib==3.11.2
MPLBACKEND=Agg "$folder/venv/bin/python" -W ignore - "$folder/recording.aedat" <<'PYTHON'
import sys
from pathlib import Path

import numpy as np
from pyNAVIS import Functions, Loaders, MainSettings, Plots

rng = np.random.default_rng(0)
ticks, addresses = np.sort(rng.integers(0, 5_000_000, 10_000)), rng.integers(0, 128, 10_000)
events = np.rec.fromarrays([addresses.astype(">u2"), ticks.astype(">u4")])
Path(sys.argv[1]).write_bytes(events.tobytes())
bins = {}
for tick in 1, 0.2:
    for reset in True, False:
        settings = MainSettings(num_channels=64, ts_tick=tick, reset_timestamp=reset, verbose=False)
        recording = Loaders.loadAEDAT(sys.argv[1], settings)
        Functions.adapt_timestamps(recording, settings)
        sonogram = Plots.sonogram(recording, settings, return_data=True, start_at_zero=False)
        bins[tick, reset] = sonogram.shape[1]
        last = int(recording.timestamps[-1])
        print(f"tick {tick} us, reset {reset}: last spike {last}, max_ts {recording.max_ts:.0f}", end="; ")
        print(f"{sonogram.shape[1]} bins with {sonogram.sum():.0f} of {len(ticks)} spikes")
        assert abs(recording.max_ts - (last if reset or tick == 1 else last * tick)) < 1
assert bins == {(1, True): 250, (1, False): 250, (0.2, True): 50, (0.2, False): 10}
PYTHON
