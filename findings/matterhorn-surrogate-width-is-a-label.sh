#!/usr/bin/env bash
# matterhorn-pytorch 2.0.0: the width of a surrogate gradient is printed by a neuron, but does not reach it.
#
# `LIF(spiking_function=Rectangular(a=4.0))` is documented to compute its spikes with that function, whose `a` "decides
# the shape of the rectangle", and prints `Rectangular(a=4)`. Guess: a wide window passes a gradient to potentials far
# from the threshold. Seen: a neuron takes the name of the class alone, and calls the function of that name with its
# default width. Gradients are the same for any `a`, in all neurons and all four surrogates; the same object, called by
# itself, is right. A search for the best width compares equal networks, and a window of one's own class is a Gaussian.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0
"$folder/venv/bin/pip" install --quiet --no-compile numpy==2.4.6
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps matterhorn-pytorch==2.0.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from matterhorn_pytorch import snn


class Flat(snn.Rectangular):
    """A surrogate of one's own: a gradient of 7 everywhere."""

    def forward(self, u, u_threshold=1.0, u_rest=0.0):
        return (u >= u_threshold).float() + 7 * (u - u.detach())


def gradients(function):
    """Gradients with respect to potentials: of the function by itself, and of an IF neuron that was given it."""
    alone, neuron = (torch.tensor([[0.2, 0.7, 1.1, 2.5]], requires_grad=True) for _ in range(2))
    function(alone, 1.0).sum().backward()
    snn.IF(spiking_function=function, return_states=False)(neuron).sum().backward()
    return alone.grad, neuron.grad


for kind in snn.Rectangular, snn.Polynomial, snn.Sigmoid, snn.Gaussian:
    default, *others = (gradients(kind(**options)) for options in ({}, {"a": 0.1}, {"a": 16.0}))
    assert torch.equal(*default)
    for alone, neuron in others:
        assert not torch.allclose(alone, default[0], atol=0.01) and torch.equal(neuron, default[0])
    print(kind.__name__, "a=16, alone:", others[1][0].numpy().round(3), "in a neuron:", others[1][1].numpy().round(3))
alone, neuron = gradients(Flat())
print("own, alone:", alone.numpy(), "in a neuron:", neuron.numpy().round(3))
assert (alone == 7).all() and torch.equal(neuron, gradients(snn.Gaussian())[1])
PYTHON
