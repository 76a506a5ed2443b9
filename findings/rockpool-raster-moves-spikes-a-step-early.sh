#!/usr/bin/env bash
# rockpool 3.1.0: a raster that goes through `TSEvent` comes back with spikes a step early, or with a step too many.
#
# Guess: `from_raster(..., spikes_at_bin_start=True)` and `raster` with the same time step and start give the same raster,
# and `raster(num_timesteps=50)` has 50 rows. Seen: the step of a spike is (time - start) / dt rounded down, and the number
# of rows the quotient of the duration rounded up, in binary fractions of decimal numbers. From 1 s on and with steps of
# 1 ms a third of the steps is changed: a spike stands in the step before, and is lost where there was one already. Where
# the recording starts at 0, steps of 1 ms are right, those of 10 ms are not. Spikes in the middle of a step, which is what
# `from_raster` writes without that argument, are not moved, but rows may be too many there as well.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile numpy==2.4.6 scipy==1.17.1
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps rockpool==3.1.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON' | grep -v "multiple events"
import numpy as np
from rockpool.timeseries import TSEvent

STEPS = 250
spikes = np.random.default_rng(0).random((STEPS, 2)) < 0.3


def changed(dt, start, at_bin_start):
    series = TSEvent.from_raster(spikes, dt=dt, t_start=start, spikes_at_bin_start=at_bin_start)
    back = series.raster(dt, num_timesteps=STEPS)
    return (back[:STEPS] != spikes).any(axis=1).mean(), int(back.sum())


for dt, start in (1e-3, 0.0), (1e-3, 1.0), (1e-2, 0.0), (1e-2, 1.0):
    share, count = changed(dt, start, True)
    print(f"{dt} s from {start} s: {share:.0%} of the steps changed, {count} of {spikes.sum()} spikes")
    assert changed(dt, start, False) == (0, spikes.sum())
    assert (share == 0) == (dt == 1e-3 and start == 0)
assert changed(1e-3, 1.0, True)[0] > 0.3 and changed(1e-3, 1.0, True)[1] < spikes.sum()

starts = [round(tenth / 10, 1) for tenth in range(100)]
series = [TSEvent([start + 0.01], 0, t_start=start, t_stop=start + 1) for start in starts]
rows = [recording.raster(1e-3, num_timesteps=50).shape[0] for recording in series]
print("asked for 50 steps:", {number: rows.count(number) for number in set(rows)}, "starts with so many rows")
assert rows.count(51) > 10
PYTHON
