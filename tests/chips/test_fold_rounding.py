"""Weights, biases and thresholds are rounded each as the chip's document says."""

from __future__ import annotations

import math

import pytest
import torch

from snnbench.chips.fold import fold
from snnbench.chips.shelf import find_chip
from tests.chips.test_fold_speck import layer

PLAIN = {
    "floor": math.floor,
    "zero": math.trunc,
    "half-even": round,
    "away": lambda x: math.ceil(x) if x > 0 else math.floor(x),
}


def folded(weight, bias, part, rounding):
    document = find_chip("speck").model_dump()
    document["fold"]["rounded"] = {part: rounding}
    return fold(layer(weight, bias, threshold=0.7), type(find_chip("speck")).model_validate(document))[0]


@pytest.mark.parametrize("rounding", PLAIN)
def test_each_number_is_rounded_as_told(rounding):
    weight = torch.tensor([[[[1.0, -0.3], [0.117, -0.9]]]], dtype=torch.float64)
    bias = torch.tensor([-0.31], dtype=torch.float64)
    scale, plain = 127.0, PLAIN[rounding]
    codes = folded(weight, bias, "weight", rounding).synapses.codes.flatten().tolist()
    assert codes == [plain(each * scale) for each in weight.flatten().tolist()]
    assert folded(weight, bias, "bias", rounding).neurons.bias.flatten().tolist() == [plain(-0.31 * scale)]
    assert folded(weight, bias, "threshold", rounding).neurons.threshold.flatten().tolist() == [plain(0.7 * scale)]
