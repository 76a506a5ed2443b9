#!/usr/bin/env bash
# bindsnet 0.3.4: the spikes of its `poisson` encoder come almost like clockwork, and dark pixels stay silent at first.
#
# Guess: "Poisson-distributed spike trains" have exponential intervals, whose coefficient of variation (CV) is 1, and
# counts whose Fano factor is 1; at 5 Hz some 40 % of the pixels fire within 100 ms. Seen: each interval is a Poisson
# number whose mean is that of the interval, so that its CV is the root of the rate times the step: 0.07 at 5 Hz, with a
# Fano factor of 0.003. The rate in the long run is right. But pixels of one brightness fire nearly together, those at 5
# Hz first at about 200 ms, so that in a presentation of 100 ms none of 2,000 fires at all, and a network trained on it
# sees less noise than on Bernoulli or Poisson spikes of the same rates. No warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps bindsnet==0.3.4
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.util import find_spec
from types import ModuleType

# The package imports all of its parts, with environments and datasets; its folder alone is enough here.
for name in "bindsnet", "bindsnet.encoding":
    package = ModuleType(name)
    package.__path__ = find_spec(name).submodule_search_locations
    sys.modules[name] = package
import numpy as np
import torch
from bindsnet.encoding.encodings import poisson

torch.manual_seed(0)
rng = np.random.default_rng(0)


def statistics(spikes):
    intervals = np.concatenate([np.diff(np.flatnonzero(pixel)) for pixel in spikes.T])
    counts = spikes[500:1500].sum(0)
    early = spikes[:100].any(0).mean()
    return spikes.mean() * 1000, intervals.std() / intervals.mean(), counts.var() / counts.mean(), early


for rate in 5.0, 10.0, 60.0:
    found = statistics(poisson(torch.full((2000,), rate), 2000).numpy().astype(int))
    right = statistics((rng.random((2000, 2000)) < rate / 1000).astype(int))
    for name, each in ("bindsnet", found), ("Bernoulli", right):
        print(f"{rate} Hz, {name}: {each[0]:.2f} Hz, CV {each[1]:.3f}, Fano {each[2]:.4f}", end=", ")
        print(f"pixels that fire within 100 ms: {each[3]:.3f}")
    assert abs(found[0] - rate) < 0.1 * rate and found[1] < 0.3 and found[2] < 0.1
    assert right[1] > 0.9 and right[2] > 0.8
    assert rate > 5 or (found[3] == 0 and right[3] > 0.35)
PYTHON
