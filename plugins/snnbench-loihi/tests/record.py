"""Record what brian2-loihi computes on random settings: ``python record.py recorded.npz [GROUPS]``.

It needs an environment of its own: brian2-loihi 0.5.2 with brian2 2.9.0 asks for numpy below 2. Groups share one train
of input spikes; each has its own decays, threshold and synapses, and each of its neurons its own weights. Fewer groups
than 250 are the first of them.
"""

from __future__ import annotations

import hashlib
import sys

import numpy as np
from brian2 import prefs
from brian2_loihi import (
    LoihiNetwork,
    LoihiNeuronGroup,
    LoihiSpikeGeneratorGroup,
    LoihiSpikeMonitor,
    LoihiStateMonitor,
    LoihiSynapses,
)

GROUPS, NEURONS, INPUTS, STEPS = 250, 8, 8, 120
RANGES = {1: (-256, 254), 2: (0, 255), 3: (-256, 0)}


def settings(rng, group):
    decay_v, decay_i = (int(n) for n in rng.integers(0, 4097, 2))
    threshold = int(rng.integers(1, 300)) * int(rng.choice([1, 1, 1, 40, 400]))
    exponent = int(rng.integers(-8, 8)) if group % 2 else int(rng.integers(-2, 2))
    sign, bits = int(rng.integers(1, 4)), int(rng.integers(2, 9))
    low, high = RANGES[sign]
    small = 1 if rng.random() < 0.7 else 8
    weights = rng.integers(low // small, high // small + 1, INPUTS * NEURONS)
    return (decay_v, decay_i, threshold, exponent, sign, bits), weights


def build(generator, numbers, weights):
    decay_v, decay_i, threshold, exponent, sign, bits = numbers
    group = LoihiNeuronGroup(NEURONS, threshold_v_mant=threshold, decay_v=decay_v, decay_I=decay_i)
    synapses = LoihiSynapses(generator, group, w_exp=exponent, sign_mode=sign, num_weight_bits=bits)
    synapses.connect()
    synapses.w = weights
    monitors = LoihiStateMonitor(group, "v"), LoihiStateMonitor(group, "I"), LoihiSpikeMonitor(group)
    return [group, synapses, *monitors], monitors


def digests(monitors):
    potentials, currents, spikes = monitors
    fired = np.zeros((NEURONS, STEPS), np.int64)
    fired[np.array(spikes.i), np.array(spikes.t).astype(int)] = 1
    rows = np.stack([np.array(potentials.v), np.array(currents.I), fired]).astype(np.int64)
    largest = np.abs(rows[:2]).max((0, 2))
    hashed = [hashlib.sha256(rows[:, n].tobytes()).digest()[:8] for n in range(NEURONS)]
    return np.frombuffer(b"".join(hashed), np.uint64), largest, fired.sum(1)


def main():
    prefs.codegen.target = "numpy"
    rng = np.random.default_rng(1)
    raster = rng.random((STEPS, INPUTS)) < 0.3
    times, inputs = np.nonzero(raster)
    generator = LoihiSpikeGeneratorGroup(INPUTS, inputs, times)
    groups = int(sys.argv[2]) if len(sys.argv) > 2 else GROUPS
    drawn = [settings(rng, group) for group in range(groups)]
    built = [build(generator, *each) for each in drawn]
    LoihiNetwork(generator, *(part for parts, _ in built for part in parts)).run(STEPS)
    found = [digests(monitors) for _, monitors in built]
    np.savez_compressed(
        sys.argv[1],
        raster=raster,
        numbers=np.array([numbers for numbers, _ in drawn], np.int32),
        weights=np.array([weights for _, weights in drawn], np.int16),
        digests=np.stack([each[0] for each in found]),
        largest=np.stack([each[1] for each in found]),
        spikes=np.stack([each[2] for each in found]),
    )


if __name__ == "__main__":
    main()
