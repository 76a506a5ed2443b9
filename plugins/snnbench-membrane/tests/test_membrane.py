"""The kit; snnTorch's own levels, and MINT's formula as a plain loop."""

from __future__ import annotations

import pytest
import torch
from snnbench_membrane import mint, state_exponential, state_uniform
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


@parametrize_with_checks("mint")
def test_mint_keeps_the_contract(check):
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


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("scale", [None, 0.1])
def test_mint_is_its_formula(bits, scale):
    v = torch.linspace(-2, 2, 401, dtype=torch.float64, requires_grad=True)
    s = 1 / (2 ** (bits - 1) - 1) if scale is None else scale
    found = mint(v, bits=bits, scale=scale)(v)
    found.sum().backward()
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    values = v.detach().tolist()
    torch.testing.assert_close(found.tolist(), [s * max(low, min(high, round(each / s))) for each in values])
    assert v.grad.tolist() == [float(s * low <= each <= s * high) for each in values]


@pytest.mark.parametrize("factory", [state_uniform, state_exponential, mint])
def test_they_go_on_membranes(factory):
    model = sew_resnet8(4, channels=1).eval()
    names = quantize_membranes(model, lambda name, tensor: factory(tensor, bits=4), "post_reset", (1, 8, 8))
    assert len(names) == 9
    assert model(torch.rand(2, 1, 8, 8)).isfinite().all()
