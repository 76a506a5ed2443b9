"""The kit; each method against a plain implementation of its paper's formula, or against all roundings there are."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from snnbench_calibrated import adaround, gptq, membrane_gptq
from snnbench_calibrated.grams import gram, leaky
from snnbench_calibrated.rounding import adaptive_rounding, compensated_rounding, output_error
from torch import nn

from snnbench.quant import quantize_weights
from snnbench.quant.calibration import calibrate
from snnbench.testing import parametrize_with_checks


@parametrize_with_checks("gptq")
def test_gptq_keeps_the_contract(check):
    check()


@parametrize_with_checks("membrane-gptq")
def test_membrane_gptq_keeps_the_contract(check):
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


def test_leaky_rows_times_the_weight_are_membrane_potentials():
    tau, weight, rows = 2.0, torch.randn(2, 5), torch.randn(4 * 3, 7, 5)
    currents = (rows @ weight.T).view(4, 3, 7, 2)
    v, potentials = torch.zeros(3, 7, 2), []
    for current in currents:
        v = v + (current - v) / tau
        potentials.append(v)
    torch.testing.assert_close(leaky(rows, 4, tau) @ weight.T, torch.cat(potentials))


@pytest.mark.parametrize("factory", [gptq, adaround, membrane_gptq])
def test_calibration_lowers_the_error_of_what_it_is_for(factory):
    torch.manual_seed(0)
    layer = nn.Linear(24, 10, bias=False)
    mixed = torch.rand(24, 24)
    x = [torch.rand(4 * 32, 24) @ mixed for _ in range(3)]
    weight = layer.weight.detach().clone()
    model = nn.Sequential(nn.Flatten(0, 1), layer)
    model.timesteps = 4
    quantize_weights(model, lambda name, tensor: factory(tensor, bits=3), exempt=())

    def error():
        change = model[1].weight.detach() - weight
        rows = [leaky(each[:, None], 4, 2.0)[:, 0] if factory is membrane_gptq else each for each in x]
        return sum(float((each @ change.T).square().sum()) for each in rows)

    before = error()
    calibrate(model, [each.view(4, 32, 24) for each in x])
    assert error() < 0.8 * before
