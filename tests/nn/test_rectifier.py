"""The rectifier network: its line against neurons under constant currents, and what it shares with the spiking one."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from snnbench.nn import IFNeuron, LIFNeuron, PLIFNeuron, SpikingNeuron, rectified, sew_resnet8
from snnbench.nn.rectifier import Rectifier, firing_range

LEAKY = [
    make(tau=tau, decay_input=decay, threshold=threshold, v_reset=v_reset)
    for make in (LIFNeuron, PLIFNeuron)
    for tau, decay, threshold, v_reset in [(2.0, True, 1.0, 0.0), (3.5, False, 0.7, 0.0), (1.5, True, 1.2, -0.4)]
]
STEPS = 2000


def rate(neuron: SpikingNeuron, current: float) -> float:
    """Spikes per step under a constant current, by simulation in float64."""
    return float(neuron(torch.full((STEPS, 1), current, dtype=torch.float64)).mean())


@pytest.mark.parametrize("neuron", LEAKY, ids=repr)
def test_a_leaky_neuron_is_silent_up_to_the_first_current_and_saturated_from_the_second(neuron: SpikingNeuron) -> None:
    silent, saturated = firing_range(neuron)
    margin = 0.002 * (saturated - silent)
    with torch.no_grad():
        assert rate(neuron, silent - margin) == 0
        assert 0 < rate(neuron, silent + margin) < 0.5
        assert rate(neuron, saturated - margin) < 1
        assert rate(neuron, saturated + margin) == 1


@pytest.mark.parametrize("threshold", [1.0, 0.6])
@pytest.mark.parametrize("fraction", [-0.3, 0.0, 0.12, 0.5, 0.93, 1.0, 2.0])
def test_the_line_is_the_rate_of_an_integrating_neuron_with_soft_reset(threshold: float, fraction: float) -> None:
    neuron = IFNeuron(reset="soft", threshold=threshold)
    current = torch.tensor([fraction * threshold], dtype=torch.float64)
    expected = min(rate(neuron, float(current)), 1.0)
    assert float(Rectifier(neuron)(current)) == pytest.approx(expected, abs=2 / STEPS)


def test_the_forms_share_parameters_and_statistics_and_leave_each_other_alone() -> None:
    torch.manual_seed(0)
    model = sew_resnet8(8, 5, 1, bn_scale=2.0)
    form = rectified(model)
    assert dict(form.named_parameters()) == dict(model.named_parameters())
    assert not any(isinstance(module, Rectifier) for module in model.modules())
    before = copy.deepcopy(model.state_dict())
    form.train()(torch.randn(16, 3, 12, 12)).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in model.parameters())
    moved = [name for name, value in model.state_dict().items() if not torch.equal(value, before[name])]
    statistics = [name for name, module in model.named_modules() if isinstance(module, nn.BatchNorm2d)]
    assert {name.rpartition(".")[0] for name in moved} == set(statistics)


@torch.no_grad()
def test_its_outputs_are_rates() -> None:
    torch.manual_seed(0)
    form = rectified(sew_resnet8(8, 5, 1, bn_scale=2.0))
    seen: list[torch.Tensor] = []
    for module in form.modules():
        if isinstance(module, Rectifier):
            module.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    form(torch.randn(16, 3, 12, 12))
    assert len(seen) == 9
    assert all(float(rates.min()) >= 0 and float(rates.max()) <= 1 for rates in seen)
    assert any(((rates > 0) & (rates < 1)).any() for rates in seen)
