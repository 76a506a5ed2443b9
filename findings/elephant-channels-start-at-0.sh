#!/usr/bin/env bash
# Elephant 1.2.1: spikes that it finds in two membrane potentials start at 0, those in one at the recording's start.
#
# Guess: `threshold_detection`, `peak_detection` and `spike_extraction` give for each channel of a signal the spikes that
# they give for that channel alone. Seen: with more than one channel each is copied into a signal of its own with its
# sampling rate and without its `t_start`, which is 0 then. A spike at 5.3 s of a recording from 5 to 6 s is at 0.3 s of a
# train from 0 to 1 s. Neurons that were recorded one by one and in groups no longer meet in time, rates between two
# times are those of another second, and recordings that follow each other lie on top of each other. No warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile elephant==1.2.1 neo==0.14.6 quantities==0.16.4 numpy==2.4.6 scipy==1.17.1 tqdm==4.70.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import neo
import numpy as np
import quantities as pq
from elephant.spike_train_generation import peak_detection, spike_extraction, threshold_detection

potentials = np.zeros((1000, 2))
potentials[300:310] = 1
signal = neo.AnalogSignal(potentials, units="mV", sampling_rate=1 * pq.kHz, t_start=5 * pq.s)
for detect in threshold_detection, peak_detection, spike_extraction:
    one, two = detect(signal[:, :1], threshold=0.5 * pq.mV), detect(signal, threshold=0.5 * pq.mV)[0]
    print(f"{detect.__name__}: one channel {one.times} of {one.t_start} to {one.t_stop}", end="; ")
    print(f"the same as one of two {two.times} of {two.t_start} to {two.t_stop}")
    assert np.allclose(one.magnitude, 5.3) and np.isclose(one.t_start.item(), 5)
    assert np.allclose(two.magnitude, 0.3) and two.t_start.item() == 0
PYTHON
