#!/usr/bin/env bash
# nir 1.0.8: the output of a 3 x 1 convolution is computed as that of a 3 x 3 one.
#
# Guess: height and width of the output follow from height and width of the kernel. Seen: both follow from its
# height; a correct graph of a 3 x 1 kernel over 8 x 8 is refused, since 6 x 6 is expected and 6 x 8 declared,
# and without an Output of its own the graph is given a wrong shape silently.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet nir==1.0.8 numpy==2.4.6 h5py==3.16.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import nir
import numpy as np

conv = nir.Conv2d((8, 8), np.ones((4, 2, 3, 1), np.float32), (1, 1), (0, 0), (1, 1), 1, np.zeros(4, np.float32))
found = conv.output_type["output"].tolist()
print("3 x 1 over 8 x 8 is 6 x 8; nir says", found[1:])
assert found == [4, 6, 6]
nodes = {"input": nir.Input(np.array([2, 8, 8])), "conv": conv, "output": nir.Output(np.array([4, 6, 8]))}
try:
    nir.NIRGraph(nodes, [("input", "conv"), ("conv", "output")])
except ValueError as error:
    print("the correct graph is refused:", error)
else:
    raise SystemExit("it is accepted now")
PYTHON
