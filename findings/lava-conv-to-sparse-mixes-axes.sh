#!/usr/bin/env bash
# lava-nc 0.10.0: `conv_to_sparse` gives another convolution for kernels in PyTorch's or TensorFlow's order.
#
# Guess: the matrix for `TensorOrder.NCHW` ("Default PyTorch order") times a flattened image is PyTorch's convolution, and
# that for `TensorOrder.HWCN` is TensorFlow's. Seen: for NCHW it reverses channels and rows in place of rows and columns,
# and then takes rows for channels. With 3 channels and a kernel of 3 x 3, the first layer of a network for colour images,
# that fits and is silently wrong; with most others it raises. For HWCN the channels of a pixel lie as far apart as the
# output is high: right where the output has as many rows as channels, silently mixed where it has fewer, and beyond the
# matrix where it has more. Lava's own order, NWHC, is right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile numpy==1.26.4 scipy==1.15.3 networkx==2.8.7 asteval==0.9.33
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps --ignore-requires-python lava-nc==0.10.0
# It asks for Python 3.10; later ones refuse defaults in three dataclasses that only its hardware uses.
sed -i "s/ = ByteEncoder()$//" "$folder"/venv/lib/python3*/site-packages/lava/magma/compiler/var_model.py
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
from lava.proc.conv.utils import TensorOrder, conv_to_sparse
from scipy.signal import correlate2d

draw = np.random.default_rng(0)
image = draw.integers(0, 2, (3, 8, 8))


def differing(order, kernel):
    wanted = np.stack([sum(map(lambda x, k: correlate2d(x, k, "valid"), image, each)) for each in kernel])
    axes = {"NCHW": (0, 1, 2), "HWCN": (1, 2, 0), "NWHC": (2, 1, 0)}[order]
    # NWHC is a convolution, the others are correlations.
    given = {
        "NCHW": kernel,
        "HWCN": kernel.transpose(2, 3, 1, 0),
        "NWHC": kernel[:, :, ::-1, ::-1].transpose(0, 3, 2, 1),
    }[order]
    x, y = image.transpose(axes), wanted.transpose(axes)
    rows, columns, values = conv_to_sparse(x.shape, y.shape, given, (1, 1), (0, 0), (1, 1), 1, TensorOrder[order])
    matrix = np.zeros((y.size, x.size))
    np.add.at(matrix, (rows, columns), values)
    return float(np.mean(matrix @ x.ravel() != y.ravel()))


for channels in (6, 8):
    kernel = draw.integers(-4, 5, (channels, 3, 3, 3))
    found = {order: differing(order, kernel) for order in ("NWHC", "NCHW", "HWCN")}
    print(f"3 to {channels} channels, output of 6 rows; share of wrong outputs:", found)
    assert found["NWHC"] == 0
    assert found["NCHW"] > 0.5
    assert found["HWCN"] > 0.5 if channels == 8 else found["HWCN"] == 0
PYTHON
