#!/usr/bin/env bash
# spikelab 0.1.2: trains that come from Neo last from 0 to the last spike of them all, and rates are those of that time.
#
# A Neo spike train has a start and an end, `t_start` and `t_stop`, and none can be made without an end. Guess:
# `from_neo_spiketrains` takes them over, so that rates are Neo's. Seen: it takes the times alone. A layer that is silent at
# the end has its rates over the time until its last spike: 2 of 10 seconds, five times too high. A recording from 100 to
# 110 s is 110 s long, 100 silent ones in front, and rates are eleven times too low. Two layers of one network, read apart,
# have different lengths. One can give `start_time` and `length` oneself, and the numbers are right. No warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile numpy==1.26.4 scipy==1.15.3 quantities==0.16.4 neo==0.14.6
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps spikelab==0.1.2
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import neo
import numpy as np
import quantities as pq
from spikelab.spikedata.spikedata import SpikeData

SECONDS = 10.0
rng = np.random.default_rng(0)


def trains(start, end):
    """Three neurons that fire between `start` and `end`, the last of them at the end."""
    spikes = [np.sort(rng.uniform(start, end, n)) for n in (10, 20, 40)]
    spikes[2][-1] = end
    return spikes


for name, first, start, end in (
    ("active to the end", 0, 0, 10),
    ("silent after 2 s", 0, 0, 2),
    ("from 100 to 110 s", 100, 100, 110),
):
    recorded = [neo.SpikeTrain(t, units="s", t_start=first, t_stop=first + SECONDS) for t in trains(start, end)]
    wanted = [float((len(train) / train.duration).rescale(pq.Hz)) for train in recorded]
    data = SpikeData.from_neo_spiketrains(recorded)
    found = data.rates("Hz")
    told = SpikeData.from_neo_spiketrains(recorded, start_time=1000.0 * first, length=1000 * SECONDS).rates("Hz")
    print(f"{name}: rates {found.round(2).tolist()} Hz, Neo's {wanted}, {data.raster(1000.0).shape[1]} bins of a second")
    assert np.allclose(told, wanted) and np.isclose(data.length, 1000 * end) and data.start_time == 0
    assert np.allclose(found, np.multiply(wanted, SECONDS / end))
PYTHON
