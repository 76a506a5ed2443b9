"""The rectifier network: its line against neurons under constant currents, and what it shares with the spiking one."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from oracles.kernels import needs_kernels
from torch import nn

from snnbench.nn import IFNeuron, LIFNeuron, PLIFNeuron, SpikingNeuron, optimize, rectified, sew_resnet8
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
    assert float(Rectifier(neuron, STEPS)(current)) == pytest.approx(expected, abs=2 / STEPS)


@pytest.mark.parametrize("timesteps", [1, 4, 7])
@pytest.mark.parametrize("threshold", [1.0, 0.6])
def test_qcfs_is_the_rate_of_an_if_neuron_that_starts_at_half_its_threshold(threshold: float, timesteps: int) -> None:
    neuron = IFNeuron(threshold, "soft", v_init=0.5)
    # Odd multiples of 1/1000 keep clear of the steps, where either side is right.
    currents = threshold * torch.arange(-999, 1999, 2, dtype=torch.float64) / 1000
    simulated = neuron(currents.expand(timesteps, -1)).mean(0)
    torch.testing.assert_close(Rectifier(neuron, timesteps)(currents), simulated, rtol=0, atol=1e-12)


def test_qcfs_rounds_halves_up() -> None:
    rates = Rectifier(IFNeuron(), 4)(torch.tensor([0.125, 0.12, 0.375, 0.874, 0.875, 3.0, -1.0]))
    assert rates.tolist() == [0.25, 0.0, 0.5, 0.75, 1.0, 1.0, 0.0]


@pytest.mark.parametrize("neuron", LEAKY[:3], ids=repr)
def test_the_threshold_is_learned_as_differences_of_the_line_say(neuron: LIFNeuron) -> None:
    currents = torch.linspace(-1.013, 4, 101, dtype=torch.float64)

    def moved(theta: float | nn.Parameter) -> LIFNeuron:
        other = copy.copy(neuron)
        del other.threshold
        other.threshold = theta
        return other

    def line(theta: float) -> float:
        silent, saturated = firing_range(moved(theta))
        return float(((currents - silent) / (saturated - silent)).clamp(0, 1).sum())

    learned = nn.Parameter(torch.tensor(neuron.threshold, dtype=torch.float64))
    Rectifier(moved(learned), 4)(currents).sum().backward()
    step, theta = 1e-7, float(neuron.threshold)
    expected = (line(theta + step) - line(theta - step)) / (2 * step)
    assert float(learned.grad) == pytest.approx(expected, rel=1e-5)  # type: ignore[arg-type]


@pytest.mark.parametrize("neuron", LEAKY, ids=repr)
def test_the_gradient_is_the_slope_of_the_line(neuron: SpikingNeuron) -> None:
    silent, saturated = firing_range(neuron)
    width = saturated - silent
    currents = torch.tensor(
        [silent - 0.3, silent + 0.4 * width, saturated + 2], dtype=torch.float64, requires_grad=True
    )
    Rectifier(neuron, 4)(currents).sum().backward()
    assert currents.grad is not None
    assert currents.grad.tolist() == pytest.approx([0, 1 / width, 0])


def test_batch_norms_start_as_they_are_told() -> None:
    model = sew_resnet8(8, bn_scale=0.75, bn_bias=1.5)
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(norms) == 9
    assert all((norm.weight == 0.75).all() and (norm.bias == 1.5).all() for norm in norms)


def test_the_forms_share_parameters_and_statistics_and_leave_each_other_alone() -> None:
    torch.manual_seed(0)
    model = sew_resnet8(8, 5, 1, bn_scale=2.0)
    form = rectified(model, 4)
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
    form = rectified(sew_resnet8(8, 5, 1, bn_scale=2.0), 4)
    seen: list[torch.Tensor] = []
    for module in form.modules():
        if isinstance(module, Rectifier):
            module.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    form(torch.randn(16, 3, 12, 12))
    assert len(seen) == 9
    assert all(float(rates.min()) >= 0 and float(rates.max()) <= 1 for rates in seen)
    assert any(((rates > 0) & (rates < 1)).any() for rates in seen)


@needs_kernels
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 2e-3)])
@pytest.mark.parametrize("timesteps", [1, 3])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    ("options", "levels"),
    [
        ({"neuron": "if", "threshold": 0.8}, 4),
        ({"neuron": "lif", "tau": 3.0, "learn_threshold": True, "v_reset": -0.2}, 3),
        ({"neuron": "plif", "decay_input": False}, 8),
        ({"neuron": "if", "learn_threshold": True, "threshold": 1.3}, 4),
    ],
    ids=str,
)
def test_the_fast_form_gives_the_same_rates_gradients_and_statistics(
    options: dict[str, Any], levels: int, training: bool, timesteps: int, dtype: torch.dtype, tolerance: float
) -> None:
    torch.manual_seed(2)
    model = sew_resnet8(8, 5, timesteps, bn_scale=2.0, **options).to(memory_format=torch.channels_last).to(dtype)
    model(torch.randn(16, 3, 12, 12, dtype=dtype))
    model.train(training)
    other, images = copy.deepcopy(model), torch.randn(8, 3, 12, 12, dtype=dtype)
    plain, fast = rectified(model, levels), optimize(rectified(other, levels))
    assert type(fast.stem.neuron) is not Rectifier
    torch.testing.assert_close(fast(images), plain(images), rtol=tolerance, atol=tolerance)
    for form in (fast, plain):
        form(images).square().sum().backward()
    for (name, mine), theirs in zip(other.named_parameters(), model.parameters(), strict=True):
        assert (mine.grad is None) == (theirs.grad is None), name
        if mine.grad is not None and theirs.grad is not None:
            largest = float(theirs.grad.abs().max())
            assert float((mine.grad - theirs.grad).abs().max()) <= tolerance * largest, name
    for mine, theirs in zip(other.buffers(), model.buffers(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=tolerance, atol=tolerance)
