"""The kit; each method against a plain implementation of its paper's formula, or against all roundings there are."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from snnbench_calibrated import adaround, gptq, sbc
from snnbench_calibrated.grams import decay_of, filtered, gram
from snnbench_calibrated.rounding import adaptive_rounding, compensated_rounding, output_error
from torch import nn

from snnbench.errors import OptionError
from snnbench.nn import IFNeuron, LIFNeuron, PLIFNeuron
from snnbench.quant import quantize_weights
from snnbench.quant.calibration import calibrate
from snnbench.testing import parametrize_with_checks


@parametrize_with_checks("gptq")
def test_gptq_keeps_the_contract(check):
    check()


@parametrize_with_checks("sbc")
def test_sbc_keeps_the_contract(check):
    check()


@parametrize_with_checks("adaround", options={"steps": 20})
def test_adaround_keeps_the_contract(check):
    check()


def problem(channels, fan_in, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(500, fan_in, dtype=torch.float64, generator=generator)
    x = x @ torch.randn(fan_in, fan_in, dtype=torch.float64, generator=generator)
    weight = torch.randn(channels, fan_in, dtype=torch.float64, generator=generator)
    return weight, x


def gptq_by_inverses(weight, scale, most, hessian):
    """The update as the paper writes it, with the inverse of the remaining Hessian taken anew for each column."""
    hessian = hessian + 0.01 * hessian.diagonal().mean() * torch.eye(len(hessian), dtype=hessian.dtype)
    left, codes = weight.clone(), torch.zeros_like(weight)
    for q in range(weight.shape[1]):
        inverse = torch.linalg.inv(hessian[q:, q:])
        codes[:, q] = (left[:, q] / scale[:, 0]).round().clamp(-most, most)
        delta = -(left[:, q] - codes[:, q] * scale[:, 0]) / inverse[0, 0]
        left[:, q:] += delta[:, None] * inverse[:, 0]
    return codes


@pytest.mark.parametrize("most", [1, 7])
def test_gptq_is_the_papers_update(most):
    weight, x = problem(5, 12)
    scale = weight.abs().amax(1, keepdim=True) / most
    hessian = 2 * x.T @ x
    assert torch.equal(
        compensated_rounding(weight, scale, most, hessian), gptq_by_inverses(weight, scale, most, hessian)
    )


@pytest.mark.parametrize("seed", range(3))
def test_adaround_comes_near_the_best_of_all_roundings(seed):
    weight, x = problem(1, 6, seed)
    scale, most = weight.abs().amax(1, keepdim=True) / 3, 3
    matrix = x.T @ x / len(x)

    def error(codes):
        return float(output_error(codes * scale - weight, matrix))

    floor = (weight / scale).floor()
    every = [(floor + torch.tensor(up)).clamp(-most, most) for up in product([0.0, 1.0], repeat=6)]
    ranked = sorted(error(codes) for codes in every)
    found = error(adaptive_rounding(weight, scale, most, matrix, 1000))
    assert found <= ranked[len(ranked) // 8]
    assert found <= error((weight / scale).round())


def test_the_gram_matrix_gives_the_error_of_the_output():
    torch.manual_seed(0)
    layer, x = nn.Conv2d(3, 4, 3, bias=False, padding=1), torch.randn(6, 3, 8, 8)
    model = nn.Sequential(layer)
    weight = layer.weight.detach().clone()
    matrices = []

    class Spy(nn.Module):
        def forward(self, w):
            return w

        def calibrate(self, inputs):
            matrices.append(gram(inputs))

    quantize_weights(model, lambda name, tensor: Spy(), exempt=())
    calibrate(model, [x[:4], x[4:]])
    change = torch.randn_like(weight) * 0.1
    expected = nn.functional.conv2d(x, change, padding=1).square().mean((0, 2, 3)).sum()
    torch.testing.assert_close(
        output_error(change.flatten(1).double(), *matrices), expected.double(), rtol=1e-5, atol=0
    )


def kernel(timesteps, tau):
    """The van Rossum matrix of the paper, entry by entry: ``M[t, s] = (1 - 1/tau)^(t - s) / tau``; ones for IF."""
    matrix = torch.zeros(timesteps, timesteps, dtype=torch.float64)
    for t in range(timesteps):
        for s in range(t + 1):
            matrix[t, s] = (1 - 1 / tau) ** (t - s) / tau if tau else 1.0
    return matrix


@pytest.mark.parametrize("neuron", [LIFNeuron(tau=2.0), LIFNeuron(tau=5.0), PLIFNeuron(tau=3.0), IFNeuron(), None])
def test_sbc_has_the_papers_hessian_of_the_neuron_that_the_layer_feeds(neuron):
    timesteps, samples, fan_in = 4, 3, 5
    torch.manual_seed(0)
    x = torch.rand(timesteps, samples, fan_in, dtype=torch.float64).round()
    tau = getattr(neuron, "tau", 3.0 if isinstance(neuron, PLIFNeuron) else None)
    m = torch.eye(timesteps, dtype=torch.float64) if neuron is None else kernel(timesteps, tau)

    def loss(w):
        """Squared error of the potentials without resets, summed over samples and steps."""
        return sum((m @ x[:, n] @ w).square().sum() for n in range(samples))

    expected = torch.autograd.functional.hessian(loss, torch.randn(fan_in, dtype=torch.float64))
    rows = filtered(x.flatten(0, 1)[:, None], timesteps, decay_of(neuron)).flatten(0, 1)
    found = 2 * rows.T @ rows / (tau or 1.0) ** 2
    torch.testing.assert_close(found, expected)


def test_sbc_rounds_by_gptqs_update_with_that_hessian():
    torch.manual_seed(0)
    layer = nn.Linear(12, 5, bias=False).double()
    model = nn.Sequential(nn.Flatten(0, 1), layer, Steps(4, LIFNeuron(tau=4.0)))
    model.timesteps = 4
    x, weight = torch.rand(4 * 50, 12, dtype=torch.float64).round(), layer.weight.detach().clone()
    quantize_weights(model, lambda name, tensor: sbc(tensor, bits=2), exempt=())
    calibrate(model, [x.view(4, 50, 12)])
    columns = x.view(4, 50, 12).transpose(0, 1)
    hessian = sum(2 * (kernel(4, 4.0) @ each).T @ (kernel(4, 4.0) @ each) for each in columns)
    scale = weight.abs().amax(1, keepdim=True)
    codes = gptq_by_inverses(weight, scale, 1, hessian)
    torch.testing.assert_close(model[1].weight.detach(), codes * scale)


class Steps(nn.Module):
    """Gives a neuron its steps."""

    def __init__(self, timesteps, neuron):
        super().__init__()
        self.timesteps, self.neuron = timesteps, neuron

    def forward(self, x):
        return self.neuron(x.view(self.timesteps, -1, *x.shape[1:]))


def test_a_neuron_of_unknown_leak_is_refused():
    with pytest.raises(OptionError, match="tau"):
        decay_of(nn.Identity())


@pytest.mark.parametrize("factory", [gptq, adaround, sbc])
def test_calibration_lowers_the_error_of_what_it_is_for(factory):
    torch.manual_seed(0)
    layer = nn.Linear(24, 10, bias=False)
    mixed = torch.rand(24, 24)
    x = [torch.rand(4 * 32, 24) @ mixed for _ in range(3)]
    weight = layer.weight.detach().clone()
    model = nn.Sequential(nn.Flatten(0, 1), layer)
    model.timesteps = 4
    leak = {"tau": 2.0} if factory is sbc else {}
    quantize_weights(model, lambda name, tensor: factory(tensor, bits=3, **leak), exempt=())

    def error():
        change = model[1].weight.detach() - weight
        rows = [filtered(each[:, None], 4, 0.5)[:, 0] if factory is sbc else each for each in x]
        return sum(float((each @ change.T).square().sum()) for each in rows)

    before = error()
    calibrate(model, [each.view(4, 32, 24) for each in x])
    assert error() < 0.8 * before
