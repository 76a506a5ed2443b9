#!/usr/bin/env bash
# PySpike 0.9.0: the bins of `psth` are as wide as it suits the recording; asked for 0.2 s in 0.6 s, they are 0.3 s wide.
#
# Guess: "the `bin_size` defines the width of the histogram bins": 0.6 s have three bins of 0.2 s, and where the width does
# not divide the recording a last bin is shorter, or spikes are left over. Seen: the number of bins is the quotient cut to a
# whole number, and the recording is divided evenly by it. 0.6 / 0.2 is 2.9999999999999996 in floating point, so that there
# are two bins, whose rates by the width that was asked for are 150 Hz for spikes of 100 Hz; 0.7 s in steps of 1 ms have 699.
# One second in bins of 0.6 s is a single bin, and 167 Hz. Two recordings of other lengths have other bins. No warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile pyspike==0.9.0 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON' 2> "$folder/log" || { cat "$folder/log"; exit 1; }
import numpy as np
from pyspike import SpikeTrain, psth

rate, neurons = 100, 5


def regular(duration):
    """Spikes at 5, 15, 25, ... ms."""
    return np.arange(round(duration * rate)) / rate + 0.005


def seen(duration, width):
    """The width of the bins, and the mean rate by the width that was asked for."""
    histogram = psth([SpikeTrain(regular(duration), [0, duration]) for _ in range(neurons)], width)
    assert histogram.y.sum() == neurons * len(regular(duration)), "no spike is lost"
    assert np.allclose(np.diff(histogram.x), np.diff(histogram.x)[0])
    return len(histogram.y), np.diff(histogram.x)[0], histogram.y.mean() / neurons / width


for duration, width, whole in (0.5, 0.1, 5), (0.6, 0.2, 3), (0.3, 0.1, 3), (0.7, 0.001, 700), (1.0, 0.6, 1.67):
    bins, found, mean = seen(duration, width)
    print(f"{duration} s in bins of {width} s: {bins} bins of {found:.4f} s, {mean:.1f} Hz; {whole} would fit")
expected = np.histogram(regular(0.6), np.arange(4) * 0.2)[0] / 0.2
assert np.allclose(expected, rate), "three bins of 20 spikes each"
assert seen(0.5, 0.1)[:2] == (5, 0.1)
assert seen(0.6, 0.2)[0] == 2 and np.isclose(seen(0.6, 0.2)[1], 0.3) and np.isclose(seen(0.6, 0.2)[2], 1.5 * rate)
assert seen(0.3, 0.1)[0] == 2 and np.isclose(seen(0.3, 0.1)[2], 1.5 * rate)
assert seen(0.7, 0.001)[0] == 699
assert seen(1.0, 0.6)[0] == 1 and np.isclose(seen(1.0, 0.6)[2], rate / 0.6)
PYTHON
