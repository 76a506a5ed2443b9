#!/usr/bin/env bash
# sc-neurocore 3.16.0: a network from NIR does not pool the spikes of neurons, and reads on as if it had.
#
# `from_nir` makes "an executable network" of a NIR graph. Guess: a convolution, neurons, sum pooling and neurons again, the
# usual block of a spiking convolutional network, gives what the plain calculation gives. Seen: neurons give their spikes
# as a flat list, pooling hands on what has no rows and columns as it is, and the next neurons take as many values as they
# are from its start. Of a map of 4 x 4 the 2 x 2 pooled neurons see the four pixels of the first row; whatever else
# happens in the image is lost. The number of outputs is right, there is no warning. Average pooling divides the same
# values by its window. Pooling right behind a convolution is right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile numpy==2.4.6 scipy==1.17.1 defusedxml==0.7.1 nir==1.0.8
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps sc-neurocore==3.16.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import nir
import numpy as np
from sc_neurocore.nir_bridge import from_nir

two, none = np.array([2, 2]), np.array([0, 0])
kernel = np.zeros((1, 1, 3, 3))
kernel[0, 0, 1, 1] = 1  # gives its input


def neurons(*shape):
    return nir.IF(r=np.ones(shape), v_threshold=np.full(shape, 0.9), v_reset=np.zeros(shape))


def last(image, **nodes):
    """What a chain of these nodes gives in the first step."""
    ends = nir.Input({"input": np.array([1, 4, 4])}), nir.Output({"output": np.array([1, 2, 2])})
    nodes = {"input": ends[0], "conv": nir.Conv2d((4, 4), kernel, 1, 1, 1, 1, np.zeros(1)), **nodes, "output": ends[1]}
    network = from_nir(nir.NIRGraph(nodes, list(zip(nodes, list(nodes)[1:], strict=False))))
    return network.step({"input": image})["output"].ravel()


image = np.array([[1, 1, 1, 1], [0, 0, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1.0]])[None]
pooled = image.reshape(2, 2, 2, 2).sum((1, 3)).ravel()
pool = nir.SumPool2d(two, two, none)
found = last(image, first=neurons(1, 4, 4), pool=pool, second=neurons(1, 2, 2))
print("sums of spikes", pooled, "so spikes", (pooled > 0.9).astype(int), "found", found.astype(int))
assert found.tolist() == image[0, 0].tolist() != (pooled > 0.9).tolist()
below = image * (np.arange(4) > 0)[:, None]
print("nothing in the first row:", last(below, first=neurons(1, 4, 4), pool=pool, second=neurons(1, 2, 2)))
assert not last(below, first=neurons(1, 4, 4), pool=pool, second=neurons(1, 2, 2)).any()
assert (last(image, pool=pool, second=neurons(1, 2, 2)) == (pooled > 0.9)).all()
average = last(image, first=neurons(1, 4, 4), pool=nir.AvgPool2d(two, two, none))
assert average.size == 16 and (average == image.ravel() / 4).all()
PYTHON
