"""Batch norm before neuron in networks that are not built of this project's blocks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from oracles.kernels import needs_kernels
from torch import Tensor, nn

from snnbench.builtin.uniform import uniform
from snnbench.nn import IFNeuron, LIFNeuron, PLIFNeuron, SpikingNeuron, optimize, record_firing
from snnbench.nn.compiled.optimize import FusedNeuron
from snnbench.nn.compiled.pattern import PatternTrace, found_in, trace
from snnbench.quant import quantize_weights
from snnbench.quant.integer import integer_form, integer_layers

WIDTHS = (8, 8, 16)


class Each(nn.Module):
    """A module for all steps as one batch."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        y = self.module(x.flatten(0, 1))
        return y.view(*x.shape[:2], *y.shape[1:])


class Looped(nn.Module):
    """A VGG of siblings in one list, run by a loop; images are spread over steps as most networks do it."""

    def __init__(self, widths: tuple[int, ...] = WIDTHS, timesteps: int = 4) -> None:
        super().__init__()
        self.layers = nn.ModuleList(siblings(widths))
        self.fc, self.timesteps = nn.Linear(widths[-1], 5), timesteps

    def forward(self, images: Tensor) -> Tensor:
        x = images.expand(self.timesteps, *images.shape)
        for layer in self.layers:
            if isinstance(layer, SpikingNeuron):
                x = layer(x)
            else:
                y = layer(x.flatten(0, 1))
                x = y.view(x.shape[0], x.shape[1], *y.shape[1:])
        return self.fc(x.mean((0, -2, -1)))


class Unpacked(Looped):
    """The same, reshaped in another way."""

    def forward(self, images: Tensor) -> Tensor:
        x = images.unsqueeze(0).repeat(self.timesteps, 1, 1, 1, 1)
        for layer in self.layers:
            steps, samples, *_ = (*x.shape[:2],)
            x = layer(x) if isinstance(layer, SpikingNeuron) else layer(x.flatten(0, 1)).unflatten(0, (steps, samples))
        return self.fc(x.mean((0, -2, -1)))


class Chained(nn.Module):
    """The same as an nn.Sequential inside a forward that cannot be traced."""

    def __init__(self, widths: tuple[int, ...] = WIDTHS, timesteps: int = 4) -> None:
        super().__init__()
        parts = (part if isinstance(part, SpikingNeuron) else Each(part) for part in siblings(widths))
        self.layers = nn.Sequential(*parts)
        self.fc, self.timesteps = nn.Linear(widths[-1], 5), timesteps

    def forward(self, images: Tensor) -> Tensor:
        if images.mean() > 100:
            raise ValueError("images are not normalised")
        x = self.layers(images.expand(self.timesteps, *images.shape))
        return self.fc(x.mean((0, -2, -1)))


class Elsewhere(Looped):
    """What is normalised goes to the neuron and around it."""

    def forward(self, images: Tensor) -> Tensor:
        x = images.unsqueeze(0).repeat(self.timesteps, 1, 1, 1, 1)
        total = x.new_zeros(())
        for layer in self.layers:
            x = layer(x) if isinstance(layer, SpikingNeuron) else layer(x.flatten(0, 1)).unflatten(0, x.shape[:2])
            total = total + x.mean()
        return self.fc(x.mean((0, -2, -1))) + total


class Viewed(Unpacked):
    """The same with a head that takes rows of all features, of spikes or of their maxima."""

    def __init__(self, pools: bool) -> None:
        super().__init__()
        self.layers = self.layers if pools else self.layers[:-1]
        self.fc = nn.Linear(WIDTHS[-1] * (4 if pools else 16), 5)

    def forward(self, images: Tensor) -> Tensor:
        x = images.unsqueeze(0).repeat(self.timesteps, 1, 1, 1, 1)
        for layer in self.layers:
            x = layer(x) if isinstance(layer, SpikingNeuron) else layer(x.flatten(0, 1)).unflatten(0, x.shape[:2])
        return self.fc(x.view(x.shape[0], x.shape[1], -1)).mean(0)


def siblings(widths: tuple[int, ...]) -> Iterator[nn.Module]:
    channels = 3
    for width, neuron in zip(widths, (LIFNeuron, IFNeuron, PLIFNeuron), strict=False):
        yield from (nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), neuron())
        yield nn.MaxPool2d(2)
        channels = width


def lively(model: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.constant_(module.weight, 3.0)
    for _ in range(3):
        model(torch.randn(8, 3, 16, 16))
    return model.eval()


IMAGES = torch.randn(6, 3, 16, 16, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("make", "norms"), [(Looped, 3), (Unpacked, 3), (Chained, 3), (Elsewhere, 0)])
def test_norms_that_feed_a_neuron_alone_are_found(make: type[nn.Module], norms: int) -> None:
    model = make()
    found = found_in(model, PatternTrace.norms)
    names = [name for name, module in model.named_modules() if isinstance(module, SpikingNeuron)]
    assert list(found) == names[: len(found)]
    assert len(found) == norms
    assert all(isinstance(model.get_submodule(norm), nn.BatchNorm2d) for norm in found.values())


def test_a_module_that_runs_twice_is_left_alone() -> None:
    norm, layers = nn.BatchNorm2d(3), [LIFNeuron(), LIFNeuron()]
    model = nn.Sequential(Each(norm), layers[0], Each(norm), layers[1])
    traced = trace(model)
    assert traced is not None
    assert traced.norms() == {}


@needs_kernels
@pytest.mark.parametrize("make", [Looped, Unpacked, Chained, Elsewhere])
def test_evaluation_gives_the_same_bits(make: type[nn.Module]) -> None:
    model = lively(make())
    fast = optimize(model)
    assert sum(bool(module.norm) for module in fast.modules() if isinstance(module, FusedNeuron)) == len(
        found_in(model, PatternTrace.norms)
    )
    with torch.inference_mode(), record_firing(model) as slow, record_firing(fast) as quick:
        torch.testing.assert_close(fast(IMAGES), model(IMAGES), rtol=1e-6, atol=1e-6)
    assert slow.profile() == quick.profile()
    assert sum(int(layer.counts.sum()) for layer in quick.profile().layers.values())
    assert list(fast.state_dict()) == list(model.state_dict())


@needs_kernels
@pytest.mark.parametrize("pools", [False, True])
def test_views_of_rows_find_the_plain_layout(pools: bool) -> None:
    model = lively(Viewed(pools))
    assert list(found_in(model, PatternTrace.seen_as_rows)) == ["layers.10"]
    with torch.no_grad():
        torch.testing.assert_close(optimize(model)(IMAGES), model(IMAGES), rtol=1e-6, atol=1e-6)


def test_views_that_keep_positions_are_left_alone() -> None:
    assert found_in(Looped(), PatternTrace.seen_as_rows) == {}


@needs_kernels
@pytest.mark.parametrize("make", [Looped, Chained])
def test_training_gives_the_same_gradients_and_statistics(make: type[nn.Module]) -> None:
    model, other = lively(make()).double(), lively(make()).double()
    other.load_state_dict(model.state_dict())
    for network in (model.train(), optimize(other.train())):
        network(IMAGES.double()).square().sum().backward()
    for (name, mine), theirs in zip(model.named_parameters(), other.parameters(), strict=True):
        assert mine.grad is not None
        torch.testing.assert_close(theirs.grad, mine.grad, rtol=1e-9, atol=1e-12, msg=name)
    for (name, mine), theirs in zip(model.named_buffers(), other.buffers(), strict=True):
        torch.testing.assert_close(theirs, mine, msg=name)


@needs_kernels
@pytest.mark.parametrize("touched", ["hook", "membrane", "timesteps", "one step of double"])
def test_what_is_done_to_the_fast_form_later_is_honoured(touched: str) -> None:
    model = lively(Looped())
    fast, images, seen = optimize(model), IMAGES, list[Tensor]()
    for network in (model, fast):
        if touched == "hook":
            network.get_submodule("layers.1").register_forward_hook(lambda *args: seen.append(args[-1]))
        elif touched == "membrane":
            network.get_submodule("layers.2").state_quantizer = uniform(torch.zeros(8), bits=2, range="unsigned")
        elif touched == "timesteps":
            network.timesteps = 2
        else:
            network.double()
    images = images.double() if touched == "one step of double" else images
    assert torch.equal(model(images), fast(images))
    assert all(torch.equal(seen[0], other) for other in seen[1:])


@needs_kernels
@pytest.mark.parametrize("make", [Looped, Chained])
def test_convolutions_of_spikes_run_in_integers(make: type[nn.Module]) -> None:
    model = lively(make())
    quantize_weights(model, lambda name, weight: uniform(weight, bits=4, grid="symmetric"), exempt=["fc"])
    fast = integer_form(model)
    convs = [name for name, module in model.named_modules() if isinstance(module, nn.Conv2d)]
    assert list(integer_layers(fast)) == convs[1:]
    with torch.inference_mode(), record_firing(model) as slow, record_firing(fast) as quick:
        torch.testing.assert_close(fast(IMAGES), model(IMAGES), rtol=0, atol=0.2)
    for mine, theirs in zip(slow.profile().layers.values(), quick.profile().layers.values(), strict=True):
        assert (mine.counts.sum() - theirs.counts.sum()).abs() <= 0.01 * mine.counts.sum()
    assert integer_layers(model) == ()


def test_sums_of_spikes_are_known_until_they_leave_a_byte() -> None:
    class Sums(nn.Module):
        def __init__(self, doublings: int) -> None:
            super().__init__()
            self.neuron, self.conv, self.doublings = LIFNeuron(), nn.Conv2d(3, 3, 1), doublings

        def forward(self, x: Tensor) -> Tensor:
            spikes = self.neuron(x).flatten(0, 1)
            for _ in range(self.doublings):
                spikes = spikes + spikes
            return self.conv(spikes)

    assert [len(found_in(Sums(count), PatternTrace.of_spikes)) for count in (0, 1, 7, 8)] == [1, 1, 1, 0]
