#!/usr/bin/env bash
# Elephant 1.2.1: at an infinite cost a train of n spikes is at a distance of 2 n from itself, at any finite cost at 0.
#
# Guess: `victor_purpura_distance` at q = inf, which is "explicitly allowed" and excludes shifts, counts the spikes that
# the two trains do not share, as it does at 1e9 Hz: those need no shift. Likewise `van_rossum_distance` at a time constant
# of 0. Seen: both add up the spikes of both trains, shared or not. In continuous time no two spikes coincide; those of a
# network that runs in steps do, and there two trains with the same spikes are as far apart as two that share none. The
# diagonal of the matrix is not 0 either, so that what clusters or embeds it takes each neuron for a stranger to itself.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile elephant==1.2.1 neo==0.14.6 quantities==0.16.4 numpy==2.4.6 scipy==1.17.1 tqdm==4.70.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import neo
import numpy as np
import quantities as pq
from elephant.spike_train_dissimilarity import van_rossum_distance, victor_purpura_distance

steps = [[10, 20, 30], [10, 20, 31], [11, 21, 31]]
trains = [neo.SpikeTrain(s, units="ms", t_stop=100.0, dtype=float) for s in steps]
unshared = np.array([[len(set(a) ^ set(b)) for b in steps] for a in steps])
print("spikes that are not shared:", unshared.tolist())
for q, tau in (1e9, 1e-9), (np.inf, 0.0):
    victor = victor_purpura_distance(trains, q * pq.Hz)
    rossum = van_rossum_distance(trains, tau * pq.s) ** 2
    print(f"q = {q} Hz: {victor.tolist()}; tau = {tau} s, squared: {np.round(rossum, 6).tolist()}")
    expected = unshared if q < np.inf else np.full((3, 3), 6)
    assert np.allclose(victor, expected) and np.allclose(rossum, expected)
PYTHON
