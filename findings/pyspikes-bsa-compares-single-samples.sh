#!/usr/bin/env bash
# pyspikes 0.2.9: Ben's Spiker Algorithm is a fixed threshold, its spikes do not give the signal back.
#
# `BSA` cites Schrauwen and Van Campenhout (2003): a spike is set where taking the filter off the next samples makes them
# smaller, and it is taken off, so that spikes convolved with the filter give the signal. Guess: they do. Seen: all taps are
# compared with, and taken off, the one sample of this step, never the next ones, so no spike knows of another. Nothing is
# left of the algorithm but a level: a sine becomes one block of spikes and one of silence, and comes back with an error
# of 0.39 of its range, where the algorithm in eight lines has 0.13. A longer filter makes it worse, as more taps are
# compared with one sample. The other encoder of the package is not affected.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps pyspikes==0.2.9
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
from scipy.signal import firwin
from spikes.encoder import BSA


def plain(signal, taps, threshold):
    rest, spikes = signal.copy(), np.zeros(len(signal), int)
    for i in range(len(signal) - len(taps)):
        part = rest[i : i + len(taps)]
        if np.abs(part - taps).sum() <= np.abs(part).sum() - threshold:
            spikes[i] = 1
            part -= taps
    return spikes


sine = (1 + np.sin(2 * np.pi * np.arange(128) / 64)) / 2
for length, cutoff in (2, 0.8), (10, 0.1):
    taps = firwin(length, cutoff)
    found = BSA(np.stack([sine, sine[::-1]], 1)[None], 0.5, length, cutoff).get_spikes()[0, :, 0]
    right = plain(sine, taps, 0.5)
    errors = [np.sqrt(np.mean((np.convolve(spikes, taps)[:128] - sine) ** 2)) for spikes in (found, right)]
    print("".join(map(str, found)), f"error {errors[0]:.2f}")
    print("".join(map(str, right)), f"error {errors[1]:.2f}, in eight lines")
    level = [np.abs(value - taps).sum() <= length * value - 0.5 for value in sine[:-length]]
    assert found[:-length].tolist() == level and errors[0] > 1.6 * errors[1]
PYTHON
