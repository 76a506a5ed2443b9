#!/usr/bin/env bash
# innuce-spikify 1.1.0: a signal that falls is decoded as one that rises, from its own encoder's spikes and threshold.
#
# `threshold_based_representation` sends +1 or -1 where a signal changes by more than "a fixed threshold based on the
# signal's variations", and `contrast_decoder` adds up threshold times spike. Guess: a mirrored signal has the mirrored
# spikes, and what is decoded goes the way of the signal. Seen: the threshold is the mean of the changes with their signs,
# plus the factor times their spread. Where a signal falls on the whole it is lower than where it rises, and may be
# negative; then every step is below its negative and sends -1, and each -1 is decoded as a rise. A decay from 1 to 0 has
# 200 spikes and comes back at 1.4; its mirror image has 45. With the mean of the sizes of the changes, as in pyspikes,
# both have as many spikes, of opposite signs.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile numpy==2.4.6 scipy==1.17.1
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps innuce-spikify==1.1.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
from spikify.decoders.temporal.contrast import contrast_decoder
from spikify.encoders.temporal.contrast import threshold_based_representation

FACTOR = 0.5
steps = np.arange(200)
noise = 0.002 * np.random.default_rng(0).standard_normal(200)
signals = {"decay": np.exp(-steps / 40), "descent": noise - steps / 100}


def by_size(signal):
    changes = np.diff(signal)
    threshold = abs(changes).mean() + FACTOR * abs(changes).std()
    spikes = np.sign(changes) * (abs(changes) > threshold)
    return int((spikes != 0).sum()), float(threshold * spikes.sum())


for name, falling in signals.items():
    found = {}
    for way, signal in (("falls", falling), ("rises", -falling)):
        spikes, threshold = threshold_based_representation(signal, FACTOR)
        decoded = contrast_decoder(spikes, threshold, signal[0])[:, 0]
        found[way] = int((spikes == 1).sum()), int((spikes == -1).sum()), decoded[-1] - decoded[0]
        print(f"{name}, a signal that {way} by {signal[-1] - signal[0]:.2f}: {found[way][0]} spikes up, {found[way][1]} down, "
              f"threshold {threshold[0]:.4f}, decoded: {found[way][2]:.2f}")
    count, change = by_size(falling)
    print(f"{name}, by the size of changes: {count} spikes, decoded {change:.2f}; mirrored: {by_size(-falling)[0]} spikes")
    assert found["falls"][:2] == (0, 200) and found["falls"][2] > 0.3
    assert 20 < found["rises"][0] < 70 and found["rises"][1] == 0 and found["rises"][2] > 0.3
    assert change < -0.3 and by_size(-falling) == (count, -change)
PYTHON
