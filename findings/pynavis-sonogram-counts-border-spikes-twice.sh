#!/usr/bin/env bash
# pyNAVIS 1.2.5: a sonogram has more spikes than the recording, one in twenty with steps of 1 ms.
#
# Guess: each spike is in one bin of the sonogram, so that its sum is the number of spikes. Seen: a bin takes both its ends,
# and a spike on the border of two is counted in both. Recordings in microseconds have few of these; spikes of a
# simulation with steps of 1 ms, in bins of 20 ms (the default), are on a border once in twenty steps: 5 % more spikes, all of
# them in bins whose neighbour has them, too. `average_activity`, on the same bins, counts each spike once.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile pyNAVIS==1.2.5 numpy==2.4.6 scipy==1.17.1 matplotlib==3.11.2
MPLBACKEND=Agg "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
from pyNAVIS import MainSettings, Plots, SpikesFile

STEPS, CHANNELS, BIN = 1000, 64, 20_000
spikes = np.random.default_rng(0).random((STEPS, CHANNELS)) < 0.1
spikes[0] = spikes[-1] = True  # so that the recording has its first and its last step
steps, addresses = spikes.nonzero()
settings = MainSettings(num_channels=CHANNELS, on_off_both=0, bin_size=BIN)
sonogram = Plots.sonogram(SpikesFile(addresses, steps * 1000), settings, return_data=True, start_at_zero=False)
on_borders = spikes[BIN // 1000 :: BIN // 1000].sum()
print(f"{spikes.sum()} spikes, sonogram {sonogram.sum():.0f}, on borders {on_borders}")
assert sonogram.shape == (CHANNELS, 50)
assert sonogram.sum() == spikes.sum() + on_borders > 1.03 * spikes.sum()
by_hand = np.stack([spikes[start : start + 21].sum(axis=0) for start in range(0, STEPS, 20)], axis=1)
assert (sonogram == by_hand).all()
PYTHON
