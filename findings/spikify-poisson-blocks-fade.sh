#!/usr/bin/env bash
# innuce-spikify 1.1.0: Poisson spikes of a constant signal grow rarer towards the end of each block.
#
# With `interval_length` above 1, `poisson` draws intervals between spikes at the mean rate of a block, which it calls "exact
# Poisson generation for the block's constant rate". Guess: of a constant signal every step of a block fires alike, with
# 1 - exp(-rate). Seen: there are as many intervals as steps, however short they are, and where they end the rest of the
# block stays silent. At a rate of 1 and 10 steps the last one fires 0.37 times in place of 0.63; with 50 steps, 0.34. The
# brighter a signal, the more it loses: at 0.3 nothing is missing. Rates that are read off such trains saturate, and a
# network sees a rhythm with the period of the blocks, which is not in the signal.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile numpy==2.4.6 scipy==1.17.1
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps innuce-spikify==1.1.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
from spikify.encoders.rate import poisson

BLOCKS = 20_000


def exact(rate, length, rng):
    """Whether each step has an event, of intervals that are drawn until the block is over."""
    fired = np.zeros((BLOCKS, length), bool)
    time = rng.exponential(1 / rate, BLOCKS)
    while (inside := time < length).any():
        fired[inside, time[inside].astype(int)] = True
        time += rng.exponential(1 / rate, BLOCKS)
    return fired.mean(axis=0)


rng = np.random.default_rng(0)
for length in (4, 10, 50):
    for rate in (0.3, 1.0):
        found = poisson(np.full(BLOCKS * length, rate), length, seed=1).reshape(BLOCKS, length).mean(axis=0)
        right = exact(rate, length, rng)
        assert np.allclose(right, 1 - np.exp(-rate), atol=0.02)
        print(f"rate {rate}, blocks of {length}: first step {found[0]:.2f}, last {found[-1]:.2f}, exact {right[-1]:.2f}")
        assert abs(found[0] - right[0]) < 0.02
        assert (found[-1] < 0.7 * right[-1]) if rate == 1 else (abs(found[-1] - right[-1]) < 0.02)
PYTHON
