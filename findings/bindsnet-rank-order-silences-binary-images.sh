#!/usr/bin/env bash
# BindsNET 0.3.4: `rank_order` gives a binary image no spike at all, and never one to the darkest inputs.
#
# Guess: "one spike per neuron, temporally ordered by decreasing intensity": inputs fire in the order of their ranks, each
# that is not 0 once, and those of one intensity together. Seen: an input fires at a time in proportion to 1 / intensity,
# scaled so that the darkest fires at the end, and that last step is cut off. Where all inputs that are not 0 are equal,
# all are the darkest: a digit in black and white has 0 spikes of 3. Nor are there ranks: beside one input of 0.01, those
# of 1, 0.5 and 0.25 all fire in the first of 10 steps. A dim pixel more makes an image's order coarser. No warning.
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
import torch
from bindsnet.encoding.encodings import rank_order


def first_spikes(image):
    spikes = rank_order(torch.tensor(image), time=10)
    return [int(train.nonzero()[0]) if train.any() else None for train in spikes.T]


for image, expected in (
    ([1.0, 0, 1, 1, 0], [None] * 5),
    ([1.0, 0.9, 0.8, 0.7, 0.6, 0.5], [4, 5, 6, 7, 8, None]),
    ([1.0, 0.5, 0.25, 0.01], [0, 0, 0, None]),
):
    found = first_spikes(image)
    print("intensities", image, "steps of their spikes", found)
    assert found == expected
PYTHON
