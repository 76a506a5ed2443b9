#!/usr/bin/env bash
# nir 1.0.8: a graph with a grouped convolution is written, and cannot be read again.
#
# Guess: what nir writes it reads. Seen: the type of a Conv2d's input is taken from `weight.shape[1]`, which is
# the number of channels of one group; the check compares it with all channels and raises. While the graph is
# built the shape is still unknown, so that it passes there.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet nir==1.0.8 numpy==2.4.6 h5py==3.16.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import tempfile

import nir
import numpy as np

weight = np.ones((4, 1, 3, 3), np.float32)
nodes = {
    "input": nir.Input(np.array([4, 8, 8])),
    "depthwise": nir.Conv2d(None, weight, stride=1, padding=1, dilation=1, groups=4, bias=np.zeros(4, np.float32)),
    "output": nir.Output(np.array([4, 8, 8])),
}
graph = nir.NIRGraph(nodes, [("input", "depthwise"), ("depthwise", "output")])
with tempfile.TemporaryDirectory() as folder:
    nir.write(f"{folder}/network.nir", graph)
    try:
        nir.read(f"{folder}/network.nir")
    except ValueError as error:
        print("written, and then:", error)
        assert "mismatch" in str(error)
    else:
        raise SystemExit("it reads it now")
PYTHON
