"""The kit, and each formula against a plain loop."""

from __future__ import annotations

import pytest
import torch
from snnbench_ternary import bitnet, twn, xnor

from snnbench.testing import parametrize_with_checks


@parametrize_with_checks("twn")
def test_twn_keeps_the_contract(check):
    check()


@parametrize_with_checks("bitnet")
def test_bitnet_keeps_the_contract(check):
    check()


@parametrize_with_checks("xnor")
def test_xnor_keeps_the_contract(check):
    check()


def twn_by_loop(values):
    threshold = 0.7 * sum(abs(v) for v in values) / len(values)
    above = [abs(v) for v in values if abs(v) > threshold]
    alpha = sum(above) / len(above)
    return [0.0 if abs(v) <= threshold else alpha if v > 0 else -alpha for v in values]


def bitnet_by_loop(values):
    g = sum(abs(v) for v in values) / len(values)
    return [g * max(-1, min(1, round(v / (g + 1e-5)))) for v in values]


def xnor_by_loop(values):
    alpha = sum(abs(v) for v in values) / len(values)
    return [alpha if v >= 0 else -alpha for v in values]


@pytest.mark.parametrize(("factory", "loop"), [(twn, twn_by_loop), (bitnet, bitnet_by_loop)])
def test_per_tensor_formulas(factory, loop):
    w = torch.randn(6, 4, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = torch.tensor(loop(w.flatten().tolist()), dtype=torch.float64).view_as(w)
    torch.testing.assert_close(factory(w)(w), expected)


def test_xnor_formula_is_per_channel():
    w = torch.randn(6, 4, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    w[0, 0, 0, 0] = 0.0
    expected = torch.tensor([xnor_by_loop(row.flatten().tolist()) for row in w], dtype=torch.float64).view_as(w)
    torch.testing.assert_close(xnor(w)(w), expected)


def test_gradients():
    w = torch.tensor([-1.5, -0.4, 0.1, 1.5], requires_grad=True)
    upstream = torch.tensor([1.0, 2.0, 3.0, 4.0])
    for factory, expected in [(twn, [1, 2, 3, 4]), (bitnet, [1, 2, 3, 4]), (xnor, [0, 2, 3, 0])]:
        (grad,) = torch.autograd.grad(factory(w)(w), w, upstream)
        assert grad.tolist() == expected
