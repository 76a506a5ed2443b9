"""Each check of a model, tested by a model that fails just that check."""

from __future__ import annotations

import pytest
import torch
from oracles.checked import SOURCE, failures
from oracles.networks import library
from torch import Tensor, nn

from snnbench.nn import LIFNeuron
from snnbench.plugins import PluginEntry
from snnbench.testing import check, check_entry
from snnbench.testing.runner import CHECKS


class Good(nn.Module):
    def __init__(self, channels: int, classes: int, timesteps: int) -> None:
        super().__init__()
        self.timesteps = timesteps
        self.conv = nn.Conv2d(channels, 8, 3, stride=2, bias=False)
        self.bn = nn.BatchNorm2d(8)
        self.neuron = LIFNeuron()
        self.fc = nn.Linear(8, classes)

    def forward(self, images: Tensor) -> Tensor:
        current = self.bn(self.conv(images))
        spikes = self.neuron(current.expand(self.timesteps, *current.shape))
        return self.fc(spikes.mean((0, -2, -1)))


class LosesTheBatch(Good):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images)[:, None]


class Overflows(Good):
    def forward(self, images: Tensor) -> Tensor:
        logits = super().forward(images)
        return logits if self.training or images.dtype == torch.float64 else logits + torch.inf


class HasANeuronThatNeverRuns(Good):
    def __init__(self, channels: int, classes: int, timesteps: int) -> None:
        super().__init__(channels, classes, timesteps)
        self.idle = LIFNeuron()


class Doubles(LIFNeuron):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x + 2) * 2


class FiresTwos(Good):
    def __init__(self, channels: int, classes: int, timesteps: int) -> None:
        super().__init__(channels, classes, timesteps)
        self.neuron = Doubles()


class LooksAtTheBatch(Good):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images) + images.mean()


class IgnoresTimesteps(Good):
    def __init__(self, channels: int, classes: int, timesteps: int) -> None:
        super().__init__(channels, classes, 4)


class CannotChangeTimesteps(Good):
    @property
    def timesteps(self) -> int:
        return self._timesteps

    @timesteps.setter
    def timesteps(self, value: int) -> None:
        self._timesteps = getattr(self, "_timesteps", value)


class SaysNoTimesteps(Good):
    def __init__(self, channels: int, classes: int, timesteps: int) -> None:
        super().__init__(channels, classes, timesteps)
        self.steps = timesteps
        del self.timesteps

    def forward(self, images: Tensor) -> Tensor:
        current = self.bn(self.conv(images))
        return self.fc(self.neuron(current.expand(self.steps, *current.shape)).mean((0, -2, -1)))


class FreezesItsHead(Good):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images).detach() + self.conv.weight.sum()


class KeepsAnOffsetToItself(Good):
    def __init__(self, channels: int, classes: int, timesteps: int) -> None:
        super().__init__(channels, classes, timesteps)
        self.offset = torch.randn(classes)

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images) + self.offset


class IsSilent(Good):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images) * 0


BAD = {
    LosesTheBatch: ("logits", "logits have shape (3, 1, 7), not (3, 7)"),
    Overflows: ("logits", "logits are not finite"),
    HasANeuronThatNeverRuns: ("spiking", "spiking layer idle does not run"),
    FiresTwos: ("binary", "spiking layer 'neuron' gives values other than 0 and 1"),
    LooksAtTheBatch: ("independence", "an image's logits depend on the images beside or before it"),
    IgnoresTimesteps: ("timesteps", "with timesteps=3 it runs 4 steps"),
    CannotChangeTimesteps: ("timesteps", "with its timesteps set to 2 it runs 3 steps"),
    SaysNoTimesteps: ("timesteps", "with timesteps=3 its attribute timesteps is not 3"),
    FreezesItsHead: ("gradients", "no finite gradient for bn.weight, bn.bias, fc.weight, fc.bias"),
    IsSilent: ("gradients", "all gradients are zero"),
    KeepsAnOffsetToItself: ("state_dict", "a state_dict loaded into another instance gives other logits"),
}


def entry(kind: type[Good], about: str | None = "A model for tests.") -> PluginEntry:
    def factory(input_shape: tuple[int, int, int], num_classes: int, *, timesteps: int = 4) -> nn.Module:
        return kind(input_shape[0], num_classes, timesteps)

    factory.__doc__ = about
    return PluginEntry("models", kind.__name__.lower(), factory, SOURCE)


def test_the_good_one_passes_all():
    report = check_entry(entry(Good))
    assert report.count("passed") == len(CHECKS["models"])


class StepsByItself(Good):
    """A loop over the steps inside of the forward, as snnTorch's tutorials have it."""

    def __init__(self, channels: int, classes: int, timesteps: int) -> None:
        super().__init__(channels, classes, timesteps)
        self.neuron = library("snntorch").Leaky(beta=0.9, threshold=0.5)

    def forward(self, images: Tensor) -> Tensor:
        current, potential, spikes = self.bn(self.conv(images)), self.neuron.reset_mem(), []
        for _ in range(self.timesteps):
            fired, potential = self.neuron(current, potential)
            spikes.append(fired)
        return self.fc(torch.stack(spikes).mean((0, -2, -1)))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_networks_of_other_libraries_are_checked_step_by_step():
    library("snntorch")
    assert failures(check_entry(entry(StepsByItself))) == {}
    found = failures(check_entry(entry(NeverFires)))
    assert found["timesteps"] == "with timesteps=3 it runs no steps"


class NeverFires(Good):
    """Its neuron never runs."""

    def forward(self, images: Tensor) -> Tensor:
        return self.fc(self.bn(self.conv(images)).mean((-2, -1)))


@pytest.mark.parametrize("kind", BAD, ids=lambda kind: kind.__name__)
def test_each_check_alone_catches_what_it_is_for(kind):
    name, message = BAD[kind]
    found = failures(check_entry(entry(kind)))
    assert list(found) == [name], found
    assert message in found[name]


class HasNoNeuron(Good):
    def __init__(self, channels: int, classes: int, timesteps: int) -> None:
        super().__init__(channels, classes, timesteps)
        self.neuron = nn.Sigmoid()


class HasNoLayer(Good):
    def __init__(self, channels: int, classes: int, timesteps: int) -> None:
        super().__init__(channels, classes, timesteps)
        self.scale = nn.Parameter(torch.ones(classes))
        self.conv, self.bn, self.fc = nn.Identity(), nn.Identity(), nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images).mean(-1, keepdim=True) * self.scale


class TurnsItsSpikes(LIFNeuron):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).transpose(0, 1)


class PutsTheBatchFirst(Good):
    def __init__(self, channels: int, classes: int, timesteps: int) -> None:
        super().__init__(channels, classes, timesteps)
        self.neuron = TurnsItsSpikes()

    def forward(self, images: Tensor) -> Tensor:
        current = self.bn(self.conv(images))
        spikes = self.neuron(current.expand(self.timesteps, *current.shape))
        return self.fc(spikes.mean((1, -2, -1)))


BAD_IN_FOUR_STEPS = {
    HasNoNeuron: ("spiking", "HasNoNeuron has no spiking layer of a library that is known"),
    HasNoLayer: ("spiking", "HasNoLayer has no convolution and no linear layer"),
    PutsTheBatchFirst: ("binary", "spiking layer 'neuron' gives (3, 4, 8, 15, 15), not (T, N, ...)"),
}


def four_steps(kind: type[Good]) -> PluginEntry:
    def factory(input_shape: tuple[int, int, int], num_classes: int) -> nn.Module:
        """A model of four steps, which is spared the check of its option timesteps."""
        return kind(input_shape[0], num_classes, 4)

    return PluginEntry("models", kind.__name__.lower(), factory, SOURCE)


@pytest.mark.parametrize("kind", BAD_IN_FOUR_STEPS, ids=lambda kind: kind.__name__)
def test_what_a_check_says_of_the_layers(kind):
    name, message = BAD_IN_FOUR_STEPS[kind]
    assert failures(check_entry(four_steps(kind))) == {name: message}


def test_a_factory_without_a_docstring_fails_the_check_of_its_options():
    assert list(failures(check_entry(entry(Good, about=None)))) == ["options"]


def test_every_check_of_a_model_is_tested():
    assert {name for name, _ in BAD.values()} | {"options"} == set(CHECKS["models"])


def test_a_model_without_the_option_timesteps_is_spared_that_check():
    report = check_entry(four_steps(Good))
    assert report.ok
    assert report.count("skipped") == 1


@pytest.mark.parametrize("name", ["sew_resnet8", "sew_resnet18", "sew_resnet34", "spiking_vgg9"])
def test_the_built_in_models_pass(name):
    (report,) = check(name, options={"width": 4})
    assert report.count("passed") == len(CHECKS["models"]), failures(report)
