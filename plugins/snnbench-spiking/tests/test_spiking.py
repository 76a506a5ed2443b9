"""The kit, and values and gradients against a plain loop over the formulas."""

from __future__ import annotations

import math
from statistics import fmean, pstdev

import pytest
import torch
from snnbench_spiking import mint, qsnn, rescaw

from snnbench.bench.bench import open_bench
from snnbench.bench.quantized import make_quantized
from snnbench.bench.run import make_cells
from snnbench.examine.rebuild import trained_network
from snnbench.quant import bake, quantizers
from snnbench.records.cell import membrane_spec, quantizer_spec
from snnbench.reporting import Silent
from snnbench.testing import parametrize_with_checks


@parametrize_with_checks("mint")
def test_mint_keeps_the_contract(check):
    check()


@parametrize_with_checks("qsnn")
def test_qsnn_keeps_the_contract(check):
    check()


@parametrize_with_checks("rescaw")
def test_rescaw_keeps_the_contract(check):
    check()


def weights(channels=3, fan_in=50, size=0.4):
    generator = torch.Generator().manual_seed(0)
    w = torch.randn(channels, fan_in, dtype=torch.float64, generator=generator) * size + 0.05
    return w.requires_grad_(), torch.randn(channels, fan_in, dtype=torch.float64, generator=generator)


def mint_by_loop(values, upstream, bits, alpha):
    """Values, and the gradients of each and of alpha: that of ``alpha / m`` times the code, and of the code's input."""
    m = 2 ** (bits - 1) - 1
    found, d_x, d_alpha = [], [], 0.0
    for x, up in zip(values, upstream, strict=True):
        t = math.tanh(x)
        inside = abs(t / alpha) <= 1
        code = round(m * max(-1.0, min(1.0, t / alpha)))
        found.append(code * alpha / m)
        d_x.append(up * (1 - t * t) if inside else 0.0)
        d_alpha += up * (code / m - (t / alpha if inside else 0.0))
    return found, d_x, d_alpha


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_mint_values_and_gradients(bits):
    w, upstream = weights()
    quantizer = mint(w, bits=bits)
    alpha = quantizer.alpha.item()
    assert alpha == pytest.approx(2 * fmean(abs(x) for x in w.flatten().tolist()) / math.sqrt(2 ** (bits - 1) - 1))
    expected, d_w, d_alpha = mint_by_loop(w.flatten().tolist(), upstream.flatten().tolist(), bits, alpha)
    found = quantizer(w)
    found.backward(upstream)
    torch.testing.assert_close(found.flatten().tolist(), expected)
    torch.testing.assert_close(w.grad.flatten().tolist(), d_w)
    assert float(quantizer.alpha.grad) == pytest.approx(d_alpha)


def test_a_membrane_shares_the_alpha_of_its_weights_and_both_teach_it():
    w, _ = weights()
    quantizer = mint(w, bits=4)
    membrane = quantizer.for_membrane(torch.full((3,), torch.nan), bits=2)
    assert membrane.alpha is quantizer.alpha
    v = torch.linspace(-1, 1, 101, dtype=torch.float64)
    upstream = torch.linspace(0, 1, 101, dtype=torch.float64)
    expected, _, d_alpha = mint_by_loop(v.tolist(), upstream.tolist(), 2, quantizer.alpha.item())
    found = membrane(v)
    found.backward(upstream)
    torch.testing.assert_close(found.tolist(), expected)
    assert float(quantizer.alpha.grad) == pytest.approx(d_alpha)
    assert len(found.unique()) == 3


def test_a_membrane_without_weights_starts_at_the_threshold_and_keeps_the_same_state():
    alone, w = mint(torch.full((3,), torch.nan), bits=2), weights()[0].float()
    assert alone.alpha.item() == 1
    shared = mint(w, bits=4).for_membrane(torch.full((3,), torch.nan), bits=2)
    alone.load_state_dict(shared.state_dict())
    v = torch.linspace(-2, 2, 50)
    assert torch.equal(alone(v), shared(v))


def test_a_network_has_one_alpha_a_layer_and_is_built_again_without_its_weights_quantizers():
    bench = open_bench("digits-sew8")
    spec = quantizer_spec("mint", 4, {})
    (cell,) = make_cells(bench, [spec], membrane_spec("mint", 4, {}), "ptq", 0)
    model = make_quantized(bench, cell, Silent()).model
    for layer, quantizer in quantizers(model).items():
        quantizer.alpha.data.mul_(3)
        assert model.get_submodule(layer.removesuffix("conv") + "neuron").state_quantizer.alpha is quantizer.alpha
    assert model.get_submodule("stem.neuron").state_quantizer.alpha.item() == 1
    images = torch.rand(2, 1, 8, 8)
    with torch.no_grad():
        expected = model(images)
        bake(model)
        again = trained_network(bench, cell, model.state_dict()).eval()
        assert torch.equal(again(images), expected)


def test_qsnn_values_and_gradients():
    w, upstream = weights()
    expected, slopes = [], []
    for row in w.tolist():
        mean, deviation = fmean(row), pstdev(row)
        scale = 2.0 ** round(math.log2(fmean(abs(x - mean) for x in row)))
        expected.append([scale if x >= mean else -scale for x in row])
        slopes.append([10 * 0.2 * scale * (1 - math.tanh(0.2 * (x - mean) / deviation) ** 2) for x in row])
    found = qsnn(w)(w)
    found.backward(upstream)
    torch.testing.assert_close(found.tolist(), expected)
    # What reaches the standardised weight goes on through mean and deviation, by PyTorch's own derivative.
    leaf = w.detach().clone().requires_grad_()
    standard = (leaf - leaf.mean(1, keepdim=True)) / leaf.std(1, keepdim=True, correction=0)
    standard.backward(upstream * torch.tensor(slopes))
    torch.testing.assert_close(w.grad, leaf.grad)


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 8])
def test_rescaw_values_and_gradients(bits):
    w, upstream = weights()
    n, expected = (2**bits - 1) / 2, []
    for row in w.tolist():
        g = fmean(abs(x) for x in row)
        expected.append([g * (round((max(-1.0, min(1.0, x / g)) + 1) * n) / n - 1) for x in row])
    found = rescaw(w, bits=bits)(w)
    found.backward(upstream)
    torch.testing.assert_close(found.tolist(), expected)
    assert torch.equal(w.grad, upstream)
