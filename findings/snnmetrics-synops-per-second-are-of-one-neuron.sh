#!/usr/bin/env bash
# snnmetrics 0.0.1: `synops/s` falls with the size of the layer, and is not `synops` in a second.
#
# The torchmetrics metric `SynOps(fanout, sample_time)` gives `synops`, the sum over the neurons of a layer, and with a
# duration of the sample `synops/s`. Guess: the one divided by the other. Seen: `synops/s` divides the mean over the neurons,
# so that it is too small by the number of neurons: the same 400 operations of a sample of 0.1 s are 4,000 a second in
# one neuron, 40 in a hundred. Layers of different sizes, and their sum, which a chip's budget is held against, cannot
# be compared by it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 torchmetrics==1.9.0 numpy==2.4.6 pbr==7.1.3 setuptools==80.9.0
"$folder/venv/bin/pip" install --quiet --no-deps snnmetrics==0.0.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from snnmetrics import SynOps

SECONDS, FANOUT, SPIKES = 0.1, 10.0, 40
for neurons in 1, 10, 100:
    metric = SynOps(FANOUT, sample_time=SECONDS)
    for _ in range(3):  # batches of 5 samples with the same number of spikes, shared by the neurons
        metric.update(torch.full((5, neurons), SPIKES / neurons))
    found = {name: float(value.sum()) for name, value in metric.compute().items()}
    print(f"{neurons:3} neurons: synops {found['synops']:.0f}, synops/s {found['synops/s']:.0f}, by hand {found['synops'] / SECONDS:.0f}")
    assert abs(found["synops"] - SPIKES * FANOUT) < 1e-3
    assert abs(found["synops/s"] - found["synops"] / SECONDS / neurons) < 1e-2
PYTHON
