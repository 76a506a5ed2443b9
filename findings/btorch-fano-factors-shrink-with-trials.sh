#!/usr/bin/env bash
# btorch 0.1.0: the Fano factor over 20 trials is a 20th of that of each trial.
#
# `fano(spikes, batch_axis=1)` has "axes to average across for FF computation (e.g., trials)". Guess: it is the mean of the
# trials' Fano factors, or one over all their windows; for Poisson trains both are 1. Seen: spikes are averaged over trials
# first, and the factor is that of the averaged counts. Their mean is the same, their variance is smaller by the number of
# trials, and so is the factor: 0.05 for 20 Poisson trials. It says how many trials there are, and a network of Poisson
# neurons looks as regular as clockwork. Without the option, factors are right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0
"$folder/venv/bin/pip" install --quiet --no-compile numpy==2.4.6 scipy==1.17.1 pandas==3.1.1 matplotlib==3.11.2 \
    jaxtyping==0.3.11
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps btorch==0.1.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import torch
from btorch.analysis.spiking import fano

WINDOW, NEURONS = 100, 10
rng = np.random.default_rng(0)
for trials in 1, 5, 20, 50:
    spikes = (rng.random((20_000, trials, NEURONS)) < 0.02).astype(float)
    counts = spikes.reshape(-1, WINDOW, trials, NEURONS).sum(1)
    plain = (counts.var(0, ddof=1) / counts.mean(0)).mean(0)
    each = fano(spikes, window=WINDOW)[0]
    found = fano(spikes, window=WINDOW, batch_axis=1)[0]
    assert np.allclose(each.mean(0), plain)
    assert np.allclose(fano(torch.tensor(spikes), window=WINDOW, batch_axis=1)[0].numpy(), found)
    print(f"{trials} trials: {each.mean():.3f} by trial, {found.mean():.3f} over trials, times {trials}: {found.mean() * trials:.2f}")
    assert 0.9 < plain.mean() < 1.05 and 0.85 < found.mean() * trials < 1.1
PYTHON
