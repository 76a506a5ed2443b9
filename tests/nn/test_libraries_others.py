"""Recording networks of other libraries: the counts are those of the spikes, kept by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from oracles.networks import library
from torch import Tensor, nn

from snnbench import record_firing
from snnbench.errors import FiringError
from snnbench.functional import FiringProfile

T, BATCHES = 4, (5, 5, 2)


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def batches() -> list[Tensor]:
    return [torch.rand(n, 3) * 4 for n in BATCHES]


class Stepping(nn.Module):
    """Runs its layers a step at a time, as snnTorch's examples do; `kept` holds the spikes of every batch."""

    def __init__(self, first: nn.Module, second: nn.Module, reset: Callable[[nn.Module], None]) -> None:
        super().__init__()
        self.fc1, self.first = nn.Linear(3, 6), first
        self.fc2, self.second = nn.Linear(6, 2), second
        self.forget = reset
        self.kept: list[dict[str, Tensor]] = []

    def forward(self, x: Tensor) -> Tensor:
        self.forget(self)
        steps = [self.step(x) for _ in range(T)]
        self.kept.append({name: torch.stack([step[name] for step in steps]) for name in ("first", "second")})
        return self.kept[-1]["second"].sum(0)

    def step(self, x: Tensor) -> dict[str, Tensor]:
        first = spikes_of(self.first(self.fc1(x)))
        return {"first": first, "second": spikes_of(self.second(self.fc2(first) * 3))}


def spikes_of(output: Tensor | tuple[Tensor, ...]) -> Tensor:
    return output[0] if isinstance(output, tuple) else output


def by_hand(kept: list[dict[str, Tensor]]) -> FiringProfile:
    return FiringProfile.from_spikes({name: torch.cat([batch[name] for batch in kept], 1).detach() for name in kept[0]})


def check(model: Stepping, **options: int) -> None:
    with record_firing(model, **options) as recorder:
        for images in batches():
            model(images)
    profile = recorder.profile()
    assert profile == by_hand(model.kept)
    assert profile.samples == 12
    assert profile.timesteps == T
    assert 0 < profile.mean_rate() < 1


def test_spikingjelly_single_step() -> None:
    neuron = library("spikingjelly.activation_based.neuron")
    functional = library("spikingjelly.activation_based.functional")
    check(Stepping(neuron.LIFNode(step_mode="s"), neuron.IFNode(step_mode="s"), functional.reset_net))


@pytest.mark.parametrize("node", ["LIFNode", "IFNode", "ParametricLIFNode"])
def test_spikingjelly_multi_step(node: str) -> None:
    neuron = library("spikingjelly.activation_based.neuron")
    layer = library("spikingjelly.activation_based.layer")
    functional = library("spikingjelly.activation_based.functional")
    model = nn.Sequential(layer.Linear(3, 6), getattr(neuron, node)(), layer.Linear(6, 2), neuron.IFNode())
    functional.set_step_mode(model, "m")
    data, kept = [images.expand(T, *images.shape) for images in batches()], []
    with record_firing(model) as recorder:
        for images in data:
            functional.reset_net(model)
            model(images)
    for images in data:
        functional.reset_net(model)
        first = model[1](model[0](images))
        kept.append({"1": first, "3": model[3](model[2](first))})
    assert recorder.profile() == by_hand(kept)


def test_snntorch() -> None:
    snntorch = library("snntorch")
    utils = library("snntorch.utils")
    model = Stepping(
        snntorch.Leaky(0.5, init_hidden=True), snntorch.Leaky(0.5, init_hidden=True, output=True), utils.reset
    )
    check(model)


def test_norse_cells_return_a_tuple() -> None:
    norse = library("norse.torch")
    check(Stepping(norse.LIFCell(dt=0.1), norse.LIFCell(dt=0.1), lambda model: None))


def test_norse_over_time_without_its_integrator() -> None:
    norse = library("norse.torch")
    neuron = norse.LIF(dt=0.1)
    model = norse.SequentialState(nn.Linear(3, 6), neuron, nn.Linear(6, 2), norse.LI())
    data = [5 * images.expand(T, *images.shape) for images in batches()]
    with record_firing(model) as recorder:
        for images in data:
            model(images)
    kept = [{"1": neuron(model[0](images))[0]} for images in data]
    assert recorder.profile() == by_hand(kept)


class Threshold(nn.Module):
    """A neuron of nobody's library, which returns its spikes and its state."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return (x > 0.5).float(), x


class SteppedOutside(nn.Module):
    """The user's loop calls it once a step."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.fire = nn.Linear(3, 5), Threshold()

    def forward(self, x: Tensor) -> Tensor:
        return self.fire(self.fc(x))[0]


def test_a_loop_over_steps_outside_of_the_model() -> None:
    model = SteppedOutside()
    with record_firing(model, ["fire"], timesteps=T) as recorder:
        kept = [{"fire": torch.stack([model(images * step) for step in range(T)])} for images in batches()]
    assert recorder.profile() == by_hand(kept)


def test_snntorch_stepped_outside() -> None:
    snntorch = library("snntorch")
    model = nn.Sequential(nn.Linear(3, 5), snntorch.Leaky(0.5, init_hidden=True, output=False))
    kept = []
    with record_firing(model, timesteps=T) as recorder:
        for images in batches():
            model[1].reset_mem()
            kept.append({"1": torch.stack([model(images) for _ in range(T)])})
    assert recorder.profile() == by_hand(kept)


def test_explicit_names_of_a_module_that_gives_all_steps() -> None:
    model = SteppedOutside()
    images = torch.rand(T, 7, 3)
    with record_firing(model, ["fire"]) as recorder:
        spikes = model(images)
    assert recorder.profile() == FiringProfile.from_spikes({"fire": spikes})


def test_a_batch_that_lacks_steps_is_refused() -> None:
    model = SteppedOutside()
    with record_firing(model, ["fire"], timesteps=T) as recorder:
        for _ in range(T - 1):
            model(torch.rand(2, 3))
    with pytest.raises(FiringError, match="'fire' ran 3 of 4 steps"):
        recorder.profile()


def test_steps_of_different_shapes_are_refused() -> None:
    model = SteppedOutside()
    with record_firing(model, ["fire"], timesteps=2):
        model(torch.rand(2, 3))
        with pytest.raises(FiringError, match="different shapes"):
            model(torch.rand(3, 3))


def test_an_output_that_is_no_spike_is_refused() -> None:
    model = nn.Sequential(nn.Linear(3, 4))
    with record_firing(model, ["0"]), pytest.raises(FiringError, match="layer '0': spikes hold the value"):
        model(torch.rand(T, 2, 3))
