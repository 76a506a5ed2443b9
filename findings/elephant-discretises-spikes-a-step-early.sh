#!/usr/bin/env bash
# Elephant 1.2.1: `discretise_spiketimes` moves half of the spikes of a network that ran in steps of 1 ms one step back.
#
# Guess: "rounds down all spike times to multiples of the sampling_rate", so that spikes which are such multiples stay, as
# those of a simulation in steps are. Seen: times are divided as floating-point numbers without a tolerance, and 0.003 //
# 0.001 is 2. With times in seconds and steps of 1 ms 470 of 999 spikes come a step early, in milliseconds and steps of 0.1
# ms 492; each further call moves more of them. Two layers' spikes of the same step end up in one or in two steps by
# their unit alone. `BinnedSpikeTrain`, of the same module, has a tolerance for this and puts each spike into its bin.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile elephant==1.2.1 neo==0.14.6 quantities==0.16.4 numpy==2.4.6 scipy==1.17.1 tqdm==4.70.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import neo
import numpy as np
import quantities as pq
from elephant.conversion import BinnedSpikeTrain, discretise_spiketimes

steps = np.arange(1, 1000)
for unit, dt in ("s", 0.001), ("ms", 0.1), ("ms", 1.0):
    step = pq.Quantity(dt, unit)
    train = neo.SpikeTrain(steps * dt, units=unit, t_stop=1001 * dt)
    once = discretise_spiketimes(train, 1 / step)
    twice = discretise_spiketimes(once, 1 / step)
    moved = [int((np.rint(found.magnitude / dt) < steps).sum()) for found in (once, twice)]
    print(f"steps of {dt} {unit}: of {len(steps)} spikes {moved[0]} are early, after a second call {moved[1]}")
    assert np.array_equal(BinnedSpikeTrain(train, bin_size=step).to_bool_array()[0].nonzero()[0], steps)
    assert (moved[0] > 400 and moved[1] > moved[0]) if dt < 1 else moved == [0, 0]
PYTHON
