"""What a network does at each step for each sample, against the same network run by hand."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from snnbench.functional import FiringProfile
from snnbench.nn import record_firing, sew_resnet8
from snnbench.nn.classifier import as_classifier
from snnbench.nn.compiled.optimize import optimize
from snnbench.nn.neurons import IFNeuron
from snnbench.nn.steps import record_steps, steps_among

IMAGES = torch.rand(12, 3, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return sew_resnet8(width=4, timesteps=3, bn_scale=2.0).eval()


def recorded(model: nn.Module) -> tuple[Tensor, Tensor | None, dict[str, Tensor], FiringProfile]:
    """Logits, step logits, events and profile of `IMAGES` in batches of 5."""
    with record_firing(model) as firing, record_steps(model) as steps, torch.inference_mode():
        logits = []
        for batch in IMAGES.split(5):
            logits.append(model(batch))
            steps.add(logits[-1])
    return torch.cat(logits), steps.step_logits(), steps.events(), firing.profile()


@pytest.mark.parametrize("engine", [copy.deepcopy, optimize])
def test_steps_are_those_of_the_network(network: nn.Module, engine: object) -> None:
    logits, steps, events, profile = recorded(engine(network))
    assert steps.shape == (12, 3, 10)
    assert torch.allclose(steps.mean(1), logits, atol=1e-5)
    for timesteps in (1, 2):  # the first outputs are those of a network that stops there
        shorter = copy.deepcopy(network)
        shorter.timesteps = timesteps
        assert torch.allclose(steps[:, :timesteps].mean(1), shorter(IMAGES), atol=1e-5)
    assert list(events) == list(profile.layers)
    for name, layer in events.items():
        assert layer.shape == (3, 12)
        assert torch.equal(layer.sum(1), profile.step_counts()[name])
    assert sum(int(layer.sum()) for layer in events.values()) > 0


def test_a_network_that_gives_the_outputs_of_all_steps() -> None:
    class Step(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(nn.Flatten(), nn.Linear(192, 20))
            self.neuron, self.head = IFNeuron(), nn.Linear(20, 10)

        def forward(self, x: Tensor) -> Tensor:
            outputs: Tensor = self.head(self.neuron(self.layers(x).expand(3, -1, -1)))
            return outputs

    model = Step().eval()
    with as_classifier(model):
        logits, steps, events, _ = recorded(model)
    assert torch.allclose(steps.mean(1), logits, atol=1e-6)
    assert events["neuron"].shape == (3, 12)


def test_a_network_that_does_not_show_its_steps() -> None:
    """Its classifier runs once, on the mean over steps."""

    class Mean(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.neuron, self.head = IFNeuron(), nn.Linear(192, 10)

        def forward(self, x: Tensor) -> Tensor:
            logits: Tensor = self.head(self.neuron(x.flatten(1).expand(3, -1, -1)).mean(0))
            return logits

    _, steps, events, profile = recorded(Mean().eval())
    assert steps is None
    assert torch.equal(events["neuron"].sum(1), profile.step_counts()["neuron"])


def test_sums_over_steps_are_scaled() -> None:
    outputs = [torch.rand(4, 10) for _ in range(3)]
    logits = torch.stack(outputs).sum(0)
    assert torch.allclose(steps_among(logits, 3, [outputs]).mean(0), logits)
    assert steps_among(logits + 1, 3, [outputs]) is None
