#!/usr/bin/env bash
# sanafe 2.2.9 (SANA-FE): a convolution turns its kernels over the diagonal.
#
# Conv2D documents its weights as (W, H, C_in, C_out), and its pixels as row by row, y * width + x. Guess: weights[x,
# y] meets the pixel x to the right and y down. Seen: the array is flattened as it stands and read as (H, W, C_in,
# C_out). A kernel that looks for a vertical edge looks for a horizontal one, and one of 3 x 2 is mixed altogether.
# Nothing warns, since every size fits. Keras' own order, (H, W, C_in, C_out), is what a square kernel has to have.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile sanafe==2.2.9 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import sanafe
from sanafe import layers


def found(kernel, width, height):
    """The weights of the first output, as an image."""
    network = sanafe.Network()
    inputs = layers.Input2D(network, width, height)
    layers.Conv2D(network, inputs, kernel)
    image = np.zeros(width * height)
    for pixel in inputs:
        for edge in pixel.edges_out:
            if edge.post_neuron.neuron_offset == 0:
                image[edge.pre_neuron.neuron_offset] = edge.synapse_attributes["w"]
    return image.reshape(height, width)


for width, height in ((3, 3), (3, 2)):
    kernel = np.zeros((width, height, 1, 1))
    kernel[0], kernel[2] = -1, 1  # negative on the left, positive on the right
    documented, image = kernel[:, :, 0, 0].T, found(kernel, width, height)
    print(f"{width} x {height}, documented:\n{documented}\nfound:\n{image}")
    assert not np.array_equal(image, documented), "kernels are read as documented now"
    assert np.array_equal(image, kernel.reshape(height, width))
PYTHON
