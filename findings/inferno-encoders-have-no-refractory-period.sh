#!/usr/bin/env bash
# inferno-ai 0.0.5: the refractory period of a Poisson encoder is stored and checked, but always one step long.
#
# `HomogeneousPoissonEncoder(refrac=5.0)` promises a "minimum interval between spikes" of 5 ms, and `refrac=None` one of a
# step. Guess: no two spikes are nearer than 5 steps of 1 ms. Seen: whatever is given, the step takes its place. At 100 Hz
# a third of the intervals are shorter than 5 ms, the shortest is 1 ms, and trains of one seed are the same for any
# period. The property `refrac` says 5.0, and setting it to a period too long for the frequency is refused. A rate without
# `compensate` should be one spike in 10 + 5 ms, 67 Hz, and is 91 Hz.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0
"$folder/venv/bin/pip" install --quiet --no-compile numpy==2.4.6 einops==0.8.2
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps inferno-ai==0.0.5
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from inferno.neural import HomogeneousPoissonEncoder


def trains(refrac, compensate):
    generator = torch.Generator().manual_seed(0)
    encoder = HomogeneousPoissonEncoder(20_000, 1.0, 100.0, refrac=refrac, compensate=compensate, generator=generator)
    assert encoder.refrac == (refrac or 1.0)
    return encoder(torch.ones(1, 50))[:, 0]


for compensate in True, False:
    for refrac in None, 5.0, 9.0:
        spikes = trains(refrac, compensate)
        intervals = torch.cat([train.nonzero().flatten().diff() for train in spikes.T])
        rate, early = 1000 * spikes.float().mean().item(), (intervals < 5).float().mean().item()
        print(f"refrac {refrac}, compensate {compensate}: {rate:.1f} Hz, shortest {intervals.min()} ms, {early:.0%} below 5 ms")
        assert torch.equal(spikes, trains(None, compensate)) and intervals.min() == 1 and early > 0.25
        assert abs(rate - (100 if compensate else 1000 / 11)) < 1
PYTHON
