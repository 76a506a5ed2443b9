"""LQ-Nets against a plain implementation that follows the paper's formulas one channel at a time."""

from __future__ import annotations

import copy
import itertools

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize
from torch.utils.checkpoint import checkpoint

from snnbench.builtin.lqnet import Totals, lqnet
from snnbench.nn import sew_resnet8
from snnbench.quant import quantize_membranes, quantize_weights, quantizers
from snnbench.quant.nearest import encode

EPS = 1e-4


def plain_levels(basis: np.ndarray, codes: str) -> tuple[np.ndarray, np.ndarray]:
    table = np.array(list(itertools.product((-1, 1) if codes == "signed" else (0, 1), repeat=len(basis))), float)
    levels = table @ basis
    order = np.argsort(levels, kind="stable")
    return levels[order], table[order]


def plain_quantize(x: np.ndarray, basis: np.ndarray, codes: str) -> tuple[np.ndarray, np.ndarray]:
    levels, table = plain_levels(basis, codes)
    thresholds = (levels[1:] + levels[:-1]) / 2
    index = (x[:, None] > thresholds).sum(axis=1)
    return levels[index], table[index]


def plain_refit(x: np.ndarray, basis: np.ndarray, codes: str) -> np.ndarray:
    _, b = plain_quantize(x, basis, codes)
    return np.linalg.solve(b.T @ b + EPS * np.eye(len(basis)), b.T @ x + EPS * basis)


def plain_fit(x: np.ndarray, basis: np.ndarray, codes: str) -> np.ndarray:
    best, least = basis, np.inf
    while True:
        quantized, _ = plain_quantize(x, basis, codes)
        error = ((quantized - x) ** 2).sum()
        if not error < least * (1 - 1e-6):
            return best
        best, least, basis = basis, error, plain_refit(x, basis, codes)


def initial(out: int, fan: int, bits: int, codes: str) -> np.ndarray:
    basis = 2.0 ** np.arange(bits) * 0.6745 * np.sqrt(2 / (fan * out)) / 2 ** (bits - 1)
    if codes == "binary":
        basis[-1] *= -1
    return basis


@pytest.mark.parametrize("codes", ["signed", "binary"])
@pytest.mark.parametrize("bits", [1, 2, 3, 4])
def test_post_training_fit(bits: int, codes: str) -> None:
    w = 0.1 * torch.randn(6, 4, 3, 3, dtype=torch.float64)
    quantizer = lqnet(w, bits=bits, codes=codes)
    found = quantizer(w).flatten(1).numpy()
    for channel, row in enumerate(w.flatten(1).numpy()):
        basis = plain_fit(row, initial(6, 9, bits, codes), codes)
        expected, _ = plain_quantize(row, basis, codes)
        assert np.allclose(np.sort(quantizer.basis[channel].numpy()), np.sort(basis), atol=1e-8)
        assert np.allclose(found[channel], expected, atol=1e-8)


def test_more_bits_lower_the_error() -> None:
    w = 0.1 * torch.randn(8, 64)
    errors = [float((lqnet(w, bits=bits)(w) - w).square().mean()) for bits in range(1, 9)]
    assert all(later < earlier for earlier, later in itertools.pairwise(errors))
    assert errors[7] < 1e-3 * float(w.square().mean())


def test_ties_go_down() -> None:
    levels = torch.tensor([[-1.0, 0.0, 1.0, 2.0]])
    assert encode(torch.tensor([[-0.5, 0.5, 1.5, 1.5000001, -9.0, 9.0]]), levels).tolist() == [[0, 1, 2, 3, 0, 3]]


@pytest.mark.parametrize("codes", ["signed", "binary"])
def test_training_refits_once_a_forward_with_a_debiased_average(codes: str) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Conv2d(2, 4, 3, bias=False), nn.Flatten(), nn.Linear(4, 2)).double()
    quantize_weights(model, lambda name, w: lqnet(w, bits=2, codes=codes))
    (quantizer,) = quantizers(model).values()
    weight = model[1].parametrizations.weight.original
    basis, average = quantizer.basis.numpy().copy(), np.zeros_like(quantizer.basis.numpy())
    optimizer = torch.optim.SGD([weight], lr=0.5)
    model.train()
    for step in range(1, 6):
        rows = weight.detach().flatten(1).clamp(-1, 1).numpy().copy()
        refitted = np.stack([plain_refit(row, v, codes) for row, v in zip(rows, basis, strict=True)])
        average = 0.9 * average + 0.1 * refitted
        basis = average / (1 - 0.9**step)
        model(torch.randn(3, 1, 3, 3, dtype=torch.float64)).square().sum().backward()
        assert np.allclose(quantizer.basis.numpy(), basis, atol=1e-10)
        optimizer.step()
        optimizer.zero_grad()


def test_inspection_and_evaluation_do_not_refit() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Conv2d(2, 4, 3), nn.Flatten(), nn.Linear(4, 2))
    quantize_weights(model, lambda name, w: lqnet(w, bits=2))
    (quantizer,) = quantizers(model).values()
    before = quantizer.basis.clone()
    model.train()
    for _ in range(3):
        _ = model[1].weight
    with parametrize.cached():
        _ = model[1].weight
    model.eval()(torch.randn(2, 1, 3, 3))
    assert int(quantizer.refits) == 0
    assert torch.equal(quantizer.basis, before)


def test_gradient_is_the_identity_even_outside_the_clip_range() -> None:
    w = (3 * torch.randn(4, 10)).requires_grad_()
    quantizer = lqnet(w.detach(), bits=2, clip="narrow")
    weights = torch.randn(4, 10)
    (quantizer(w) * weights).sum().backward()
    assert torch.equal(w.grad, weights)


def test_clip_range_bounds_what_is_encoded() -> None:
    w = 3 * torch.randn(4, 100)
    assert torch.equal(lqnet(w, bits=2)(w), lqnet(w.clamp(-1, 1), bits=2)(w.clamp(-1, 1)))
    assert lqnet(w, bits=2, clip="wide")(w).abs().max() > 1.2


@pytest.mark.parametrize("bits", [1, 3, 8])
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (3, 5), (4, 2, 3, 3), (7,)])
@pytest.mark.parametrize("fill", ["normal", "zero", "constant"])
def test_few_levels_and_finite(bits: int, shape: tuple[int, ...], fill: str) -> None:
    w = {"normal": torch.randn(shape), "zero": torch.zeros(shape), "constant": torch.full(shape, 0.3)}[fill]
    found = lqnet(w, bits=bits)(w)
    assert found.shape == w.shape
    assert found.isfinite().all()
    rows = found.flatten(1) if w.ndim > 1 else found.view(1, -1)
    assert all(row.unique().numel() <= 2**bits for row in rows)


def test_a_membrane_has_one_basis_and_is_refitted_once_over_all_steps() -> None:
    quantizer = lqnet(torch.full((5,), torch.nan), bits=2)
    assert quantizer.basis.shape == (1, 2)
    assert torch.allclose(quantizer(torch.linspace(-1, 1, 4)), torch.linspace(-1, 1, 4))
    steps = [torch.randn(2, 5, dtype=torch.float32).clamp(-1, 1) for _ in range(4)]
    expected = plain_refit(torch.cat(steps).flatten().double().numpy(), quantizer.basis[0].double().numpy(), "signed")
    quantizer.start_forward()
    for step in steps:
        quantizer(step)
    quantizer.finish_forward()
    assert int(quantizer.refits) == 1
    assert np.allclose(quantizer.basis[0].numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("reads", [2, 5])
def test_a_weight_that_is_read_again_counts_once(reads: int) -> None:
    w = torch.randn(3, 20)
    once, often = lqnet(w, bits=3), lqnet(w, bits=3)
    for quantizer, times in ((once, 1), (often, reads)):
        quantizer.start_forward()
        for _ in range(times):
            quantizer(w + 0.1)
        quantizer.finish_forward()
    assert torch.equal(once.basis, often.basis)
    assert int(often.refits) == 1


def test_ties_go_down_in_the_fit_as_in_the_encoding() -> None:
    rows, levels = torch.tensor([[0.0, 0.5, 0.5, 1.0, 1.5]]), torch.tensor([[0.0, 1.0, 2.0]])
    counts, sums = Totals(rows).of_levels(levels)
    assert encode(rows, levels).tolist() == [[0, 0, 0, 1, 1]]
    assert counts.tolist() == [[3, 2, 0]]
    assert sums.tolist() == [[1.0, 2.5, 0.0]]


def test_a_forward_that_broke_off_and_reads_outside_of_one_count_for_nothing() -> None:
    w, other = torch.randn(3, 20), torch.randn(3, 20)
    plain, disturbed = lqnet(w, bits=2), lqnet(w, bits=2)
    disturbed.start_forward()
    disturbed(other)
    for quantizer in (plain, disturbed):
        quantizer.start_forward()
        quantizer(w + 0.1)
        quantizer.finish_forward()
    disturbed(other)
    disturbed.finish_forward()
    assert int(disturbed.refits) == 1
    assert torch.equal(disturbed.basis, plain.basis)


@pytest.mark.parametrize("membranes", [False, True])
@pytest.mark.parametrize("reentrant", [False, True])
@pytest.mark.parametrize("accumulated", [1, 2])
def test_gradient_checkpoints_change_nothing(accumulated: int, reentrant: bool, membranes: bool) -> None:
    torch.manual_seed(0)
    net = sew_resnet8(width=4, num_classes=5, timesteps=3, channels=1, bn_scale=2.0)
    quantize_weights(net, lambda name, weight: lqnet(weight, bits=2))
    if membranes:
        quantize_membranes(net, lambda name, like: lqnet(like, bits=3), "post_reset", (1, 8, 8))
    net.double().train()
    images, optimizer = torch.randn(4, 1, 8, 8).double(), torch.optim.SGD(net.parameters(), 0.5)
    twin = copy.deepcopy(net)
    for block in twin.blocks:
        block.forward = lambda x, run=block.forward: checkpoint(run, x, use_reentrant=reentrant)
    for model, step in ((net, optimizer), (twin, torch.optim.SGD(twin.parameters(), 0.5))):
        for part in images.split(4 // accumulated) * 3:
            step.zero_grad()
            model(part).square().sum().backward()
            step.step()
    for (name, mine), theirs in zip(net.state_dict().items(), twin.state_dict().values(), strict=True):
        assert torch.equal(mine, theirs) or "running" in name or "num_batches" in name, name
