#!/usr/bin/env bash
# btorch 0.1.0: intervals "across trials" are from a spike of one trial to a spike of another.
#
# `isi_cv(spikes, batch_axis=1)` has "axes to aggregate ISIs across (e.g., trials)". Guess: the intervals of each trial are
# put together, and their coefficient of variation is 0 for a neuron that fires like a clock and about 1 for a Poisson
# process. Seen: trials are added to one train, and intervals are taken from that. A neuron that fires every 20 steps
# sharp, with another phase in each of 4 trials, has a coefficient of 0.6 on average and up to 1.3, as the phases fall;
# its mean interval is 5 steps, not 20. In each step no more than one spike counts, so many Poisson trials look regular:
# 0.6 for 20 trials at 50 Hz. Irregularity, the usual check of a spiking network's state, then depends on trials alone.
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
from btorch.analysis.spiking import isi_cv

rng = np.random.default_rng(0)
steps, neurons = 20_000, 200


def plain(spikes):
    """The coefficient of variation of all intervals within trials, of each neuron."""
    found = []
    for trials in spikes.transpose(2, 1, 0):
        intervals = np.concatenate([np.diff(np.flatnonzero(trial)) for trial in trials])
        found.append(intervals.std() / intervals.mean())
    return np.array(found)


phases = rng.integers(0, 20, (4, neurons))
clock = ((np.arange(steps)[:, None, None] - phases) % 20 == 0).astype(float)
poisson = (rng.random((steps, 20, 5)) < 0.05).astype(float)
for name, spikes in ("clocks, 4 trials", clock), ("Poisson, 20 trials", poisson):
    alone, found, right = isi_cv(spikes)[0], isi_cv(spikes, batch_axis=1)[0], plain(spikes)
    assert np.allclose(alone.mean(0), right, atol=0.02)
    assert np.allclose(isi_cv(torch.tensor(spikes), batch_axis=1)[0].numpy(), found, atol=0.01)
    print(f"{name}: {found.mean():.2f}, from {found.min():.2f} to {found.max():.2f}, in place of {right.mean():.2f}")
    if name.startswith("clocks"):
        assert (right == 0).all() and found.mean() > 0.4 and found.max() > 1
    else:
        assert found.max() < 0.65 and right.min() > 0.9
PYTHON
