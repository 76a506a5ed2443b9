#!/usr/bin/env bash
# braintools 0.3.0 (of BrainPy and BrainState): with a time step of 0.001 s its rate encoders are silent, with one of 1000
# us they fire at every step.
#
# BrainState's time step is a quantity with a unit, so that 1 ms, 0.001 s and 1000 us are the same step. Guess: encoders of
# rates in Hz make the same rates of them, as the neurons do. Seen: `PoissonEncoder`, `RateEncoder` and `PopulationEncoder`
# take the number of the quantity and leave its unit, as if it were in ms: 50 Hz is 50 spikes in 1,000 steps of 1 ms, none in
# 1,000 steps of 0.001 s, and 1,000 in as many of 1000 us. A network gets no input, or a constant one. No warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile braintools==0.3.0 brainstate==0.5.4 brainunit==0.5.2 jax==0.10.2 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON' 2> "$folder/log" || { cat "$folder/log"; exit 1; }
import brainstate
import braintools
import brainunit
import jax.numpy as jnp
import numpy as np

rates, steps = np.array([20.0, 50.0, 100.0]), 1000
encoders = {
    "PoissonEncoder": lambda: braintools.PoissonEncoder()(jnp.asarray(rates), steps),
    "RateEncoder": lambda: braintools.RateEncoder(gain=100.0)(jnp.asarray(rates) / 100, steps),
    "PopulationEncoder": lambda: braintools.PopulationEncoder(3, max_rate=100.0)(jnp.asarray(0.5), steps),
}
one_step = {
    "1 ms": 1.0 * brainunit.ms,
    "0.001 s": 0.001 * brainunit.second,
    "1000 us": 1000.0 * brainunit.usecond,
}
seen = {}
for name, dt in one_step.items():
    assert np.isclose(dt.to_decimal(brainunit.ms), 1), "the same step in another unit"
    brainstate.environ.set(dt=dt)
    brainstate.random.seed(0)
    for encoder, encode in encoders.items():
        seen[encoder, name] = np.asarray(encode()).sum(axis=0)
        print(f"{encoder}, steps of {name}: {seen[encoder, name]} spikes in {steps} steps")
for encoder in encoders:
    in_hertz = rates if encoder != "PopulationEncoder" else 100 * np.exp([-0.5, 0, -0.5])
    assert np.all(np.abs(seen[encoder, "1 ms"] - in_hertz) < 5 * np.sqrt(in_hertz)), "right in ms"
    assert seen[encoder, "0.001 s"].sum() <= 3, "a thousandth of it"
    assert np.all(seen[encoder, "1000 us"] == steps)
PYTHON
