#!/usr/bin/env bash
# Elephant 1.2.1: the window of the spike time tiling coefficient grows with the time of the spikes.
#
# Guess: with `dt` of 5 ms spikes are together if they are at most 5 ms apart, anywhere in a recording. Seen: they are
# compared by `numpy.isclose(..., atol=dt)`, whose relative tolerance of 1e-5 is left on: 10 minutes in, 11 ms count as 5.
# Two independent trains of 5 Hz, whose coefficient is near 0 when they start at 0 s, come out as almost the same train a
# day later, as with times of a clock; the share of time that is compared with it keeps the right window. A coefficient
# as a distance between the firing of two networks depends on which second of the data set is looked at. No warning;
# the mend is an open pull request of Elephant (706, of 2026).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile elephant==1.2.1 neo==0.14.6 quantities==0.16.4 numpy==2.4.6 scipy==1.17.1 tqdm==4.70.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import neo
import numpy as np
import quantities as pq
from elephant.spike_train_correlation import spike_time_tiling_coefficient

rng = np.random.default_rng(0)
trains = [np.sort(rng.uniform(0, 60, 300)) for _ in range(2)]
found = {}
for start in 0.0, 600.0, 86_400.0:
    shifted = [neo.SpikeTrain(start + t, units="s", t_start=start, t_stop=start + 60) for t in trains]
    found[start] = float(spike_time_tiling_coefficient(*shifted, dt=5 * pq.ms))
    print(f"two independent trains from {start:.0f} s on: {found[start]:.3f}")
together = [np.mean([np.abs(b - t).min() <= 0.005 for t in a]) for a, b in (trains, trains[::-1])]
print("share of spikes within 5 ms of one of the other train:", np.round(together, 3))
assert abs(found[0.0]) < 0.05 and found[600.0] > found[0.0] + 0.02 and found[86_400.0] > 0.9
PYTHON
