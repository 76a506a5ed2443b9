#!/usr/bin/env bash
# Elephant 1.2.1: with the border correction, the rate in one second of ten is ten times too high.
#
# Guess: `instantaneous_rate(..., t_start, t_stop, border_correction=True)` gives the rate between the two times without the
# loss at their borders; `t_start` and `t_stop` are "the interval used to compute the firing rate". Seen: at its end the
# correction scales the rate so that its integral is the number of spikes, and takes all spikes of the train, also those
# that are outside of the interval. 200 spikes in 10 s are 200 Hz in any single second. Without the correction, or where
# the train is cut first with `time_slice`, the rate is that of the 18 or so spikes that are there.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile elephant==1.2.1 neo==0.14.6 quantities==0.16.4 numpy==2.4.6 scipy==1.17.1 tqdm==4.70.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import neo
import numpy as np
import quantities as pq
from elephant.kernels import GaussianKernel
from elephant.statistics import instantaneous_rate

times = np.sort(np.random.default_rng(0).uniform(0, 10, 200))
train, start, stop = neo.SpikeTrain(times, units="s", t_stop=10), 4 * pq.s, 5 * pq.s
spikes = int(((times >= 4) & (times < 5)).sum())


def rate(train, **more):
    return float(instantaneous_rate(train, 10 * pq.ms, kernel=GaussianKernel(50 * pq.ms), **more).mean())


corrected = rate(train, t_start=start, t_stop=stop, border_correction=True)
plain = rate(train, t_start=start, t_stop=stop)
cut = rate(train.time_slice(start, stop), border_correction=True)
print(f"{spikes} spikes between 4 and 5 s: {plain:.1f} Hz, cut and corrected {cut:.1f}, corrected {corrected:.1f}")
assert abs(plain - spikes) < 0.2 * spikes and abs(cut - spikes) < 0.01
assert abs(corrected - len(times)) < 0.01
PYTHON
