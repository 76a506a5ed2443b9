"""The kit, and rockpool's formulas as plain arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from snnbench_xylo import xylo_channel, xylo_global

from snnbench.testing import parametrize_with_checks


@parametrize_with_checks("xylo-global")
def test_xylo_global_keeps_the_contract(check):
    check()


@parametrize_with_checks("xylo-channel")
def test_xylo_channel_keeps_the_contract(check):
    check()


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("quantizer", [xylo_global, xylo_channel])
def test_weights_are_those_of_rockpools_rule(quantizer, bits):
    w = torch.randn(5, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    largest = np.abs(w.numpy()).max(axis=None if quantizer is xylo_global else 1, keepdims=True)
    scaling = (2 ** (bits - 1) - 1) / largest
    expected = np.round(w.numpy() * scaling) / scaling
    np.testing.assert_allclose(quantizer(w, bits=bits)(w).numpy(), expected, rtol=1e-12)
