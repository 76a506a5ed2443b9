"""The kit, and values and gradients against a plain loop over the papers' formulas."""

from __future__ import annotations

import math

import pytest
import torch
from snnbench_learned_step import lsq, lsq_plus, moving_range
from torch import nn
from torch.ao.quantization.observer import MovingAveragePerChannelMinMaxObserver

from snnbench.quant import quantize_weights
from snnbench.testing import parametrize_with_checks


@parametrize_with_checks("lsq")
def test_lsq_keeps_the_contract(check):
    check()


@parametrize_with_checks("lsq+")
def test_lsq_plus_keeps_the_contract(check):
    check()


@parametrize_with_checks("moving-range")
def test_moving_range_keeps_the_contract(check):
    check()


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_the_range_is_pytorchs_moving_average(bits):
    torch.manual_seed(0)
    layer, share, most = nn.Conv2d(3, 5, 3), 0.1, 2 ** (bits - 1) - 1
    kinds = {"dtype": torch.qint8, "qscheme": torch.per_channel_symmetric}
    theirs = MovingAveragePerChannelMinMaxObserver(share, quant_min=-most, quant_max=most, **kinds)
    theirs(layer.weight)
    model = nn.Sequential(layer)
    quantize_weights(model, lambda name, weight: moving_range(weight, bits=bits, share=share), exempt=())
    for _ in range(4):
        model.train()(torch.randn(2, 3, 6, 6))
        original = layer.parametrizations.weight.original
        theirs(original)
        scale = theirs.calculate_qparams()[0]
        zeros = torch.zeros(5, dtype=torch.int32)
        expected = torch.fake_quantize_per_channel_affine(original, scale, zeros, 0, -most, most)
        torch.testing.assert_close(model.eval()[0].weight, expected)
        with torch.no_grad():
            original.mul_(1.3).add_(0.02 * torch.randn_like(original))


def by_loop(values, bits, step, offset, upstream):
    """Values, and the gradients of step, offset and each weight, as the papers write them."""
    qn, qp = 2 ** (bits - 1), 2 ** (bits - 1) - 1
    factor = 1 / math.sqrt(len(values) * qp)
    found, d_step, d_offset, d_w = [], 0.0, 0.0, []
    for v, up in zip(values, upstream, strict=True):
        x = (v - offset) / step
        inside = -qn <= x <= qp
        code = round(x) if inside else -qn if x < -qn else qp
        found.append(step * code + offset)
        d_step += up * ((code - x) if inside else code) * factor
        d_offset += up * (0.0 if inside else 1.0) * factor
        d_w.append(up if inside else 0.0)
    return found, d_step, d_offset, d_w


def weights(count=200):
    generator = torch.Generator().manual_seed(0)
    w = torch.randn(count, dtype=torch.float64, generator=generator) + 0.1
    return w.requires_grad_(), torch.randn(count, dtype=torch.float64, generator=generator)


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("factory", [lsq, lsq_plus])
def test_values_and_gradients(factory, bits):
    w, upstream = weights()
    quantizer = factory(w, bits=bits)
    with torch.no_grad():
        quantizer.step.mul_(0.6)
        if factory is lsq_plus:
            quantizer.offset.fill_(0.07)
    offset = quantizer.offset.item() if factory is lsq_plus else 0.0
    expected, d_step, d_offset, d_w = by_loop(w.tolist(), bits, quantizer.step.item(), offset, upstream.tolist())
    found = quantizer(w)
    found.backward(upstream)
    torch.testing.assert_close(found.tolist(), expected)
    assert float(quantizer.step.grad) == pytest.approx(d_step, rel=1e-9)
    torch.testing.assert_close(w.grad.tolist(), d_w)
    if factory is lsq_plus:
        assert float(quantizer.offset.grad) == pytest.approx(d_offset, abs=1e-12)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_initial_steps(bits):
    w, _ = weights()
    values = w.tolist()
    qp = 2 ** (bits - 1) - 1
    assert lsq(w, bits=bits).step.item() == pytest.approx(2 * sum(map(abs, values)) / len(values) / math.sqrt(qp))
    mean = sum(values) / len(values)
    spread = 3 * math.sqrt(sum((v - mean) ** 2 for v in values) / len(values))
    expected = max(abs(mean - spread), abs(mean + spread)) / 2 ** (bits - 1)
    assert lsq_plus(w, bits=bits).step.item() == pytest.approx(expected)


def test_training_lowers_the_error():
    w, _ = weights()
    quantizer = lsq(w, bits=3)
    optimizer = torch.optim.SGD(quantizer.parameters(), lr=0.05)
    errors = []
    for _ in range(50):
        optimizer.zero_grad()
        error = (quantizer(w.detach()) - w.detach()).square().mean()
        error.backward()
        optimizer.step()
        errors.append(error.item())
    assert errors[-1] < errors[0]
