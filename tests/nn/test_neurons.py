"""Neurons against a plain loop, and the sites of membrane quantization."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from snnbench.nn import IFNeuron, LIFNeuron, PLIFNeuron, SpikingNeuron
from snnbench.nn.neurons import Reset, spike


class Round(nn.Module):
    """A state quantizer with steps of a half."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.round(2 * x) / 2


def plain_lif(x: list[float], tau: float, theta: float, v_reset: float, decay: bool) -> list[float]:
    v, spikes = v_reset, []
    for current in x:
        h = v + (current - (v - v_reset)) / tau if decay else v - (v - v_reset) / tau + current
        spikes.append(1.0 if h >= theta else 0.0)
        v = v_reset if h >= theta else h
    return spikes


@pytest.mark.parametrize("decay", [True, False])
@pytest.mark.parametrize("v_reset", [0.0, -0.25])
@pytest.mark.parametrize("tau", [1.5, 2.0, 4.0])
def test_lif_against_a_plain_loop(decay: bool, v_reset: float, tau: float) -> None:
    x = 2 * torch.randn(12, 40, dtype=torch.float64)
    found = LIFNeuron(tau=tau, decay_input=decay, v_reset=v_reset, threshold=0.75)(x)
    for n in range(x.shape[1]):
        assert found[:, n].tolist() == plain_lif(x[:, n].tolist(), tau, 0.75, v_reset, decay)


def test_fires_at_equality() -> None:
    assert IFNeuron()(torch.tensor([[0.5], [0.5], [0.999]])).flatten().tolist() == [0, 1, 0]


@pytest.mark.parametrize("threshold", [1.0, 0.75, 2.0])
def test_soft_reset_keeps_the_surplus(threshold: float) -> None:
    x = threshold * torch.tensor([[1.5], [0.5], [0.5]])
    assert IFNeuron(threshold, reset="soft")(x).flatten().tolist() == [1, 1, 0]
    assert IFNeuron(threshold, reset="hard")(x).flatten().tolist() == [1, 0, 1]


@pytest.mark.parametrize("reset", ["hard", "soft"])
@pytest.mark.parametrize("v_init", [0.5, -0.3, 0.9])
def test_a_neuron_starts_at_v_init_thresholds(v_init: float, reset: Reset) -> None:
    x = torch.randn(6, 50, dtype=torch.float64)
    found = IFNeuron(0.8, reset, v_init=v_init)(x)
    v = torch.full((50,), v_init * 0.8, dtype=torch.float64)
    for x_t, s_t in zip(x, found, strict=True):
        v = v + x_t
        assert torch.equal(s_t, (v >= 0.8).double())
        v = v - 0.8 * s_t if reset == "soft" else v * (1 - s_t)


def test_without_v_init_a_neuron_starts_at_v_reset() -> None:
    x = torch.randn(5, 40)
    assert torch.equal(LIFNeuron(v_reset=-0.5)(x), LIFNeuron(v_reset=-0.5, v_init=-0.5)(x))


@pytest.mark.parametrize("make", [IFNeuron, LIFNeuron, PLIFNeuron])
def test_a_learned_threshold_fires_as_a_fixed_one_and_falls_where_spikes_are_wanted(make: type[SpikingNeuron]) -> None:
    x = torch.randn(4, 30)
    theta = nn.Parameter(torch.tensor(0.7))
    spikes = make(threshold=theta, v_init=0.25)(x)
    assert torch.equal(spikes, make(threshold=0.7, v_init=0.25)(x))
    spikes.sum().backward()
    assert theta.grad is not None
    assert float(theta.grad) < 0


def test_surrogate_gradient() -> None:
    x = torch.linspace(-2, 2, 9, dtype=torch.float64, requires_grad=True)
    spike(x, 2.0).sum().backward()
    assert torch.allclose(x.grad, 1 / (1 + (math.pi * x.detach()) ** 2))


def test_plif_starts_at_tau() -> None:
    x = torch.randn(5, 8)
    assert torch.allclose(PLIFNeuron(tau=3.0).w.sigmoid(), torch.tensor(1 / 3))
    assert torch.equal(PLIFNeuron(tau=2.0)(x), LIFNeuron(tau=2.0)(x))


def test_pre_spike_rounding_moves_the_effective_threshold() -> None:
    """Rounding h to steps of 0.5 makes a neuron fire from theta - 0.25 on."""
    neuron = IFNeuron()
    neuron.state_quantizer, neuron.site = Round(), "pre_spike"
    assert neuron(torch.tensor([[0.76, 0.74]])).tolist() == [[1, 0]]


def test_post_reset_rounding_keeps_the_threshold_and_stores_the_error() -> None:
    neuron = IFNeuron()
    neuron.state_quantizer, neuron.site = Round(), "post_reset"
    assert neuron(torch.tensor([[0.76, 0.9], [0.0, 0.0]])).tolist() == [[0, 0], [1, 1]]


def test_a_potential_clipped_at_threshold_still_fires() -> None:
    """With a clip of h at theta, only ``>=`` lets anything fire."""
    neuron = IFNeuron()
    neuron.state_quantizer, neuron.site = nn.Hardtanh(-1.0, 1.0), "pre_spike"
    assert neuron(torch.tensor([[5.0]])).item() == 1


def test_state_quantizer_works_in_units_of_the_threshold() -> None:
    neuron = IFNeuron(threshold=4.0)
    neuron.state_quantizer, neuron.site = nn.Hardtanh(-1.0, 1.0), "post_reset"
    assert neuron(torch.tensor([[3.9], [0.1]])).flatten().tolist() == [0, 1]


@pytest.mark.parametrize(
    "make", [lambda: IFNeuron(reset="firm"), lambda: LIFNeuron(tau=1.0), lambda: PLIFNeuron(tau=0.5)]
)
def test_refuses_meaningless_constants(make) -> None:
    with pytest.raises(ValueError, match=r"firm|tau"):
        make()
