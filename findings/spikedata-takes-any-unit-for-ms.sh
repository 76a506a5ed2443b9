#!/usr/bin/env bash
# spikedata 0.2.2: spike trains of Neo in seconds or microseconds are taken for milliseconds; rates are 1,000 times too high.
#
# Guess: `from_neo_spiketrains`, by whose documentation "the spike times can be in any units, as they will be converted" to
# ms, gives the same trains for the same spikes in s, ms and us. Seen: copies of the trains get the unit ms, and then the
# originals are read. A spike at 0.9 s, as Elephant and most of Neo's readers give it, is at 0.9 ms: a rate of 10 Hz becomes
# 10,000 Hz, a second of spikes falls into one bin, and the spike time tiling coefficient of two random trains, with a
# window of 20 ms, is 0.5 in place of 0.03. Trains in microseconds become a thousand times as long. Those in ms are right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile numpy==2.4.6 scipy==1.17.1 quantities==0.16.4 packaging==26.3
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps neo==0.14.6 spikedata==0.2.2
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import neo
import numpy as np
from spikedata import SpikeData

rng = np.random.default_rng(0)
MILLISECONDS = [np.sort(rng.uniform(0, 10_000, 100)) for _ in range(2)]
PER_MS = {"s": 0.001, "ms": 1, "us": 1000}


def trains(unit):
    scale = PER_MS[unit]
    return [neo.SpikeTrain(times * scale, units=unit, t_stop=10_000 * scale) for times in MILLISECONDS]


def tiling(a, b, window=20.0, length=10_000.0):
    def covered(train):
        grid = np.arange(0, length, 0.1)
        nearest = np.abs(grid[:, None] - train).min(axis=1)
        return (nearest <= window).mean()

    def near(train, other):
        return (np.abs(train[:, None] - other).min(axis=1) <= window).mean()

    parts = [(near(x, y), covered(y)) for x, y in ((a, b), (b, a))]
    return sum((p - t) / (1 - p * t) for p, t in parts) / 2


right = tiling(*MILLISECONDS)
found = {}
for unit in PER_MS:
    given = trains(unit)
    assert all(np.allclose(train.rescale("ms").magnitude, times) for train, times in zip(given, MILLISECONDS))
    data = SpikeData.from_neo_spiketrains(given)
    last, rate, coefficient = data.train[0][-1], data.rates("Hz")[0], data.spike_time_tiling(0, 1, 20.0)
    found[unit] = last, rate, coefficient
    print(f"in {unit}: last spike at {last:,.1f} ms, {rate:,.2f} Hz, spike time tiling {coefficient:.2f}")
print(f"right: last spike at {MILLISECONDS[0][-1]:,.1f} ms, spike time tiling {right:.2f}")
last, rate, coefficient = found["ms"]
assert np.isclose(last, MILLISECONDS[0][-1]) and 10 < rate < 10.1 and abs(coefficient - right) < 0.01
assert np.isclose(found["s"][0] * 1000, last) and np.isclose(found["s"][1], 1000 * rate) and found["s"][2] > 0.45
assert np.isclose(found["us"][0], 1000 * last) and np.isclose(found["us"][1], rate / 1000)
PYTHON
