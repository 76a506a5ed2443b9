"""The kit; snnTorch's own levels, and the formulas of Q-SNN and SpQuant as a plain loop."""

from __future__ import annotations

import math

import pytest
import torch
from snnbench_membrane import qsnn_state, spquant, state_exponential, state_uniform
from snntorch.functional.quant import state_quant

from snnbench.nn import sew_resnet8
from snnbench.quant import quantize_membranes
from snnbench.testing import parametrize_with_checks


@parametrize_with_checks("state-uniform")
def test_state_uniform_keeps_the_contract(check):
    check()


@parametrize_with_checks("state-exponential")
def test_state_exponential_keeps_the_contract(check):
    check()


@parametrize_with_checks("qsnn-state")
def test_qsnn_state_keeps_the_contract(check):
    check()


@parametrize_with_checks("spquant")
def test_spquant_keeps_the_contract(check):
    check()


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize(
    ("factory", "options", "theirs"),
    [
        (state_uniform, {}, {"uniform": True}),
        (state_exponential, {"centred": True}, {"uniform": False, "thr_centered": True}),
        (state_exponential, {"centred": False}, {"uniform": False, "thr_centered": False}),
    ],
)
@pytest.mark.parametrize("limits", [{}, {"lower": 0.3, "upper": 0.5}])
def test_values_are_snntorchs(bits, factory, options, theirs, limits):
    v = torch.linspace(-2, 2, 1000)
    limits_of_theirs = {f"{name}_limit": value for name, value in limits.items()}
    expected = state_quant(num_bits=bits, **theirs, **limits_of_theirs)(v)
    found = factory(v, bits=bits, **options, **limits)(v)
    torch.testing.assert_close(found, expected, atol=2e-6, rtol=0)


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_qsnn_state_is_its_formula(bits):
    v = torch.linspace(-3, 1, 401, dtype=torch.float64, requires_grad=True)
    found = qsnn_state(v, bits=bits)(v)
    found.sum().backward()
    m, values = 2 ** (bits - 1) - 1, v.detach().tolist()
    torch.testing.assert_close(found.tolist(), [round(m * math.tanh(each)) / m for each in values])
    torch.testing.assert_close(v.grad.tolist(), [1 - math.tanh(each) ** 2 for each in values])


def test_spquant_is_its_formula():
    v = torch.linspace(-3, 2, 501, dtype=torch.float64, requires_grad=True)
    found = spquant(v)(v)
    found.sum().backward()
    values = v.detach().tolist()
    assert found.tolist() == [min((-1, 0, 1), key=lambda level: abs(level - each)) for each in values]

    def slope(x):
        sigmoid = 1 / (1 + math.exp(-2 * x))
        return 2 * sigmoid * (1 - sigmoid)

    torch.testing.assert_close(v.grad.tolist(), [slope(each + 0.5) + slope(each - 0.5) for each in values])


@pytest.mark.parametrize("factory", [state_uniform, state_exponential, qsnn_state])
def test_they_go_on_membranes(factory):
    model = sew_resnet8(4, channels=1).eval()
    names = quantize_membranes(model, lambda name, tensor: factory(tensor, bits=4), "post_reset", (1, 8, 8))
    assert len(names) == 9
    assert model(torch.rand(2, 1, 8, 8)).isfinite().all()
