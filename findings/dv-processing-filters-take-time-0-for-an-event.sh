#!/usr/bin/env bash
# dv-processing 2.0.4: what its filters keep of a recording depends on where its time starts.
#
# Guess: a filter looks at times between events, so that a recording whose times start at 0, as those of N-MNIST and DVS
# Gesture do, and the same one a day later give the same events. Seen: each pixel begins as if it had had an event at
# time 0. Before the first period has passed, the noise filter lets every lone event through, the high-pass filter keeps
# first events, which it drops in a recording with the clock of a camera, and the low-pass filter drops first events,
# which it keeps there. Of noise in a recording as short as its period everything is left, or nothing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile dv-processing==2.0.4 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from datetime import timedelta

import dv_processing as dv

size = (64, 64)
period = timedelta(milliseconds=50)
filters = {
    "BackgroundActivityNoiseFilter": (lambda: dv.noise.BackgroundActivityNoiseFilter(size, period), 64),
    "HighPassFilter": (lambda: dv.noise.HighPassFilter(size, 20.0), 64),
    "LowPassFilter": (lambda: dv.noise.LowPassFilter(size, 20.0), 0),
}


def kept(make, start):
    """How many of 64 lone events, one on every eighth pixel, within 45 ms."""
    events = dv.EventStore()
    for i in range(64):
        events.push_back(start + 500 + 700 * i, 8 * (i % 8), 8 * (i // 8), True)
    chain = make()
    chain.accept(events)
    return chain.generateEvents().size()


for name, (make, at_zero) in filters.items():
    found = kept(make, 0), kept(make, 10**9), kept(make, 86_400 * 10**6)
    print(f"{name}: {found[0]} of 64 events from 0 on, {found[1]} from 1,000 s on, {found[2]} from a day on")
    assert found == (at_zero, 64 - at_zero, 64 - at_zero)
PYTHON
