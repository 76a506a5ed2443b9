#!/usr/bin/env bash
# snnTorch 1.0.0: the surrogates SFS and spike_rate_escape look at two thresholds, not at one.
#
# Guess: `SFS` ("clipped below B", default 1) keeps the gradients of neurons near their threshold, |U - U_thr| < B in
# the paper that it names (Perez-Nieves and Goodman 2021), or at the least of those above it; `spike_rate_escape`, k
# exp(-beta |U - 1|), is largest at the threshold of 1. Seen: both are given U - U_thr and take it for U. SFS passes
# nothing until a potential is above two thresholds, and so nothing at all in a layer that has no such potential: it
# does not learn. spike_rate_escape is largest at two thresholds, 25, and 9.2 at one. Nothing warns.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0 snntorch==1.0.0 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import snntorch
import torch
from snntorch import surrogate


def gradient(spike_grad, potential):
    current = torch.tensor([[potential]], requires_grad=True)
    spikes, _ = snntorch.Leaky(beta=0.9, threshold=1.0, spike_grad=spike_grad)(current, torch.zeros(1, 1))
    spikes.sum().backward()
    return round(current.grad.item(), 4)


potentials = (0.5, 0.9, 1.0, 1.1, 1.9, 2.0, 2.1)
seen = {}
for name in ("fast_sigmoid", "SFS", "spike_rate_escape"):
    seen[name] = {potential: gradient(getattr(surrogate, name)(), potential) for potential in potentials}
    print(f"{name}: {seen[name]}")
assert max(seen["fast_sigmoid"], key=seen["fast_sigmoid"].get) == 1.0
assert [potential for potential, value in seen["SFS"].items() if value] == [2.1]
assert max(seen["spike_rate_escape"], key=seen["spike_rate_escape"].get) == 2.0
PYTHON
