#!/usr/bin/env bash
# sinabs 3.1.3, backend/dynapcnn/discretize.py: with a neuron's default min_v_mem, discretization sets its scale to 1,
# and every weight below 1/2 becomes 0.
#
# discretize_conv_spike scales weights, biases and thresholds of a layer by one number, the smallest at which each fills
# its bits. A neuron without a lower bound (min_v_mem=None, the default of sl.IAF) is given -2**15 as its lower
# threshold, whose scale is 1; so the whole layer is scaled by 1. A convolution of weights of the usual size (std 0.1)
# then has no weight left and its neurons never fire. With min_v_mem=-1 the same layer keeps all of 8 bits.
# The module is loaded by itself: the package around it asks for the vendor's hardware software.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 "numpy>=2,<3" nir==1.0.8 nirtorch==2.6 pbr==7.1.3 matplotlib
"$folder/venv/bin/pip" install --quiet --no-deps sinabs==3.1.3
"$folder/venv/bin/python" - <<'PY'
import importlib.metadata
import importlib.util

import torch
from torch import nn

import sinabs.layers as sl

found = [f for f in importlib.metadata.files("sinabs") if str(f).endswith("dynapcnn/discretize.py")]
spec = importlib.util.spec_from_file_location("discretize", found[0].locate())
discretize = importlib.util.module_from_spec(spec)
spec.loader.exec_module(discretize)

torch.manual_seed(0)
conv = nn.Conv2d(2, 8, 3, bias=False)
nn.init.normal_(conv.weight, std=0.1)
left = {}
for bound in (None, -1.0):
    codes, neuron = discretize.discretize_conv_spike(conv, sl.IAF(min_v_mem=bound))
    left[bound] = int((codes.weight != 0).sum())
    print(f"min_v_mem={bound}: {left[bound]} of {conv.weight.numel()} weights are not 0, threshold {int(neuron.spike_threshold)}")
assert left[None] == 0, "the default lower bound no longer sets the scale"
assert left[-1.0] > 100
PY
