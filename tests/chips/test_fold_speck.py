"""Speck's discretization as sinabs 3.1 publishes it: one scale for weights, biases and threshold of a layer."""

from __future__ import annotations

import pytest
import torch

from snnbench.chips.fold import fold
from snnbench.chips.shelf import find_chip
from snnbench.chips.trace import TracedLayer


def layer(weight, bias, threshold=1.0):
    out = len(weight)
    return TracedLayer(
        name="n",
        synapses="c",
        sources=("before",),
        weight=weight.double(),
        stride=(1, 1),
        padding=(0, 0),
        gain=torch.ones(out, dtype=torch.float64),
        offset=bias.double(),
        leak=0.0,
        threshold=threshold,
        start=0.0,
        reset="soft",
    )


def published(weight, bias, threshold):
    """The scale is the smallest of those at which each of the three fills its bits; everything is rounded by it."""
    scales = [127 / float(weight.abs().max()), 32767 / threshold]
    if bias.any():
        scales.append(127 / float(bias.abs().max()))
    scale = min(scales)
    return (weight * scale).round(), (bias * scale).round(), round(threshold * scale)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("spread", [0.0, 0.1, 3.0])
def test_weights_biases_and_thresholds_share_one_scale(seed, spread):
    draw = torch.Generator().manual_seed(seed)
    weight, bias = torch.randn(6, 4, 3, 3, generator=draw), spread * torch.randn(6, generator=draw)
    weight, bias = weight.double(), bias.double()
    found, _ = fold(layer(weight, bias), find_chip("speck"))
    codes, biases, threshold = published(weight, bias, 1.0)
    assert torch.equal(found.synapses.codes, codes.long())
    assert torch.equal(found.neurons.bias.flatten(), biases.long())
    assert set(found.neurons.threshold.flatten().tolist()) == {threshold}
    assert not found.synapses.shift.any()


def test_a_large_bias_costs_weights_their_bits():
    weight = torch.tensor([[[[0.5]]], [[[0.02]]]])
    quiet, _ = fold(layer(weight, torch.tensor([0.5, 0.0])), find_chip("speck"))
    loud, _ = fold(layer(weight, torch.tensor([50.0, 0.0])), find_chip("speck"))
    assert quiet.synapses.codes.flatten().tolist() == [127, 5]
    assert loud.synapses.codes.flatten().tolist() == [1, 0]
