"""Firing EMD as a loss: its gradient is right, and descending it works."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from snnbench.functional import firing_drift, firing_emd, firing_rate, rate_correlation


def separated(size: int, seed: int) -> torch.Tensor:
    """Rates that differ by far more than the step of a numerical derivative, so that no tie is crossed."""
    generator = torch.Generator().manual_seed(seed)
    lattice = torch.randperm(50, generator=generator)[:size].double()
    return (lattice + 0.3 * seed) / 55


@pytest.mark.parametrize("reduction", ["weighted", "mean", "max", "pooled"])
@pytest.mark.parametrize("distance", [firing_emd, firing_drift, rate_correlation])
def test_gradients_equal_numerical_ones(distance, reduction):
    first, second = separated(9, 1).requires_grad_(), separated(6, 2).requires_grad_()
    reference = {"a": separated(9, 3), "b": separated(6, 0)}
    assert torch.autograd.gradcheck(lambda a, b: distance({"a": a, "b": b}, reference, reduction), (first, second))


def test_gradients_reach_both_sides_and_unequal_sizes():
    a, b = separated(9, 1).requires_grad_(), separated(6, 2).requires_grad_()
    assert torch.autograd.gradcheck(firing_emd, (a, b))
    firing_emd(a, b).backward()
    assert a.grad.abs().sum() > 0
    assert b.grad.abs().sum() > 0


def test_gradients_of_channels():
    a = separated(12, 1).reshape(3, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda rate: firing_emd(rate, separated(3, 2), units="channel"), (a,))


class _Spike(torch.autograd.Function):
    """Heaviside step with the ATan surrogate gradient."""

    @staticmethod
    def forward(ctx, potential):
        ctx.save_for_backward(potential)
        return (potential >= 0).to(potential)

    @staticmethod
    def backward(ctx, gradient):
        (potential,) = ctx.saved_tensors
        return gradient / (1 + (torch.pi * potential) ** 2)


def test_descending_the_loss_through_surrogate_spikes_lowers_the_emd():
    torch.manual_seed(0)
    inputs = torch.randn(4, 64, 10)
    reference, network = nn.Linear(10, 32), nn.Linear(10, 32)
    with torch.no_grad():
        network.bias -= 1.0
        goal = firing_rate(_Spike.apply(reference(inputs)))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    history = []
    for _ in range(60):
        loss = firing_emd(firing_rate(_Spike.apply(network(inputs))), goal)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    assert history[0] > 0.2
    assert min(history[-5:]) < history[0] / 10
