"""Operations of each sample by itself against a loop, however steps, samples and tokens lie in a layer's input."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snnbench.errors import FiringError
from snnbench.nn import IFNeuron, record_operations, sew_resnet8
from snnbench.nn.synapses import fan_out

T, N = 3, 4


class Spikes(nn.Module):
    """Fires where its input is positive; `kind` says in which library's way it gives its steps."""

    def forward(self, x: Tensor) -> Tensor:
        return (x > 0).to(x.dtype)


STEPPED = type("Leaky", (Spikes,), {"__module__": "snntorch._neurons.neurons", "__qualname__": "SpikingNeuron"})
BATCHED = type(
    "LIF", (Spikes,), {"__module__": "sinabs.layers.lif", "__qualname__": "StatefulLayer", "does_spike": True}
)


class MultiStep(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fire, self.fc, self.tokens = IFNeuron(), nn.Linear(5, 2), nn.Linear(3, 7)

    def forward(self, x: Tensor) -> Tensor:
        spikes = self.fire(x)
        self.tokens(torch.stack([spikes[..., :3], spikes[..., 2:]], 2))
        return self.fc(spikes)


class Flattened(MultiStep):
    def forward(self, x: Tensor) -> Tensor:
        spikes = self.fire(x)
        self.tokens(torch.stack([spikes[..., :3], spikes[..., 2:]], 2).flatten(0, 1))
        return self.fc(spikes.flatten(0, 1))


class StepByStep(MultiStep):
    def __init__(self) -> None:
        super().__init__()
        self.fire: nn.Module = STEPPED()

    def step(self, x: Tensor) -> Tensor:
        spikes: Tensor = self.fire(x)
        self.tokens(torch.stack([spikes[..., :3], spikes[..., 2:]], 1))
        return self.fc(spikes)

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([self.step(step) for step in x])


class OneStep(StepByStep):
    forward = StepByStep.step


class SamplesFirst(MultiStep):
    def __init__(self) -> None:
        super().__init__()
        self.fire: nn.Module = BATCHED()

    def forward(self, x: Tensor) -> Tensor:
        spikes = self.fire(x)
        self.tokens(torch.stack([spikes[..., :3], spikes[..., 2:]], 2).flatten(0, 1))
        return self.fc(spikes.flatten(0, 1))


def expected(spikes: Tensor, samples: int) -> dict[str, list[int]]:
    """Synapses that the spikes (T, N, 5) of each sample reach."""
    each = spikes.sum(0)
    return {
        "fc": [int(2 * each[i].sum()) for i in range(samples)],
        "tokens": [int(7 * (each[i, :3].sum() + each[i, 2:].sum())) for i in range(samples)],
    }


def found(operations: Any) -> dict[str, list[int]]:
    return {name: counts[0].tolist() for name, counts in operations.layers.items()}


@pytest.mark.parametrize("steps", [T, N], ids=["T is not N", "T is N"])
@pytest.mark.parametrize("form", [MultiStep, Flattened, StepByStep, OneStep, SamplesFirst])
def test_every_sample_has_its_own_operations(form: Callable[[], nn.Module], steps: int) -> None:
    model = form()
    generator = torch.Generator().manual_seed(0)
    batches = [torch.randint(0, 2, (steps, size, 5), generator=generator).float() for size in (N, N - 1)]
    with record_operations(model, 2 * N - 1, steps if form is OneStep else None) as recorder:
        for batch in batches:
            if form is OneStep:
                for step in batch:
                    model(step)
            else:
                model(batch.transpose(0, 1) if form is SamplesFirst else batch)
    spikes = torch.cat(batches, 1)
    assert found(recorder.operations()) == expected(spikes, 2 * N - 1)
    assert recorder.operations().samples.tolist() == [1] * (2 * N - 1)
    dense = {name: counts[3].tolist() for name, counts in recorder.operations().layers.items()}
    assert dense == {"fc": [steps * 10] * (2 * N - 1), "tokens": [steps * 42] * (2 * N - 1)}


def test_a_loop_over_steps_outside_of_the_model() -> None:
    net, images = nn.Linear(4, 3), torch.ones(2, 4)
    with record_operations(net, timesteps=5) as recorder:
        for _ in range(10):
            net(images)
    assert int(recorder.operations().samples.sum()) == 4
    assert recorder.operations().per_image("events") == {"": 60.0}


def test_calls_with_keywords_are_calls() -> None:
    class Inner(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(4, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.fc(input=x)

    for call in (lambda net, x: net(x), lambda net, x: net(x=x)):
        net = Inner()
        with record_operations(net) as recorder:
            call(net, torch.ones(3, 4))
        assert int(recorder.operations().samples.sum()) == 3


def by_loop(run: Callable[[Tensor], Tensor], shape: tuple[int, ...]) -> Tensor:
    """Sum of what one input of 1 adds to the outputs of a layer whose weights are 1, input by input."""
    places = torch.eye(torch.Size(shape).numel()).view(-1, *shape)
    return torch.stack([run(place.unsqueeze(0)).sum() for place in places]).view(shape).round().long()


def ones(layer: nn.Module) -> nn.Module:
    for value in layer.parameters():
        nn.init.ones_(value)
    return layer


@pytest.mark.parametrize("mode", ["zeros", "circular", "reflect", "replicate"])
@pytest.mark.parametrize("padding", [1, 2, "same"])
def test_padding_modes(mode: str, padding: Any) -> None:
    layer: Any = ones(nn.Conv2d(2, 4, 3, padding=padding, padding_mode=mode, groups=2, bias=False))
    assert torch.equal(fan_out(layer, (2, 5, 4)), by_loop(layer, (2, 5, 4)))
    spikes = torch.randint(0, 2, (6, 2, 5, 4)).float()
    with record_operations(layer, 6) as recorder:
        layer(spikes)
    assert found(recorder.operations())[""] == layer(spikes).flatten(1).sum(1).round().long().tolist()


@pytest.mark.parametrize("output_size", [None, (9, 7), (10, 8)])
@pytest.mark.parametrize("keyword", [True, False])
@pytest.mark.parametrize("groups", [1, 2])
def test_transposed_convolutions(output_size: Any, keyword: bool, groups: int) -> None:
    layer: Any = ones(nn.ConvTranspose2d(2, 4, 3, stride=2, padding=1, groups=groups, bias=False))
    call = {"output_size": output_size} if keyword else {}
    arguments = () if keyword else (output_size,)
    spikes = torch.randint(0, 2, (6, 2, 5, 4)).float()
    assert torch.equal(fan_out(layer, (2, 5, 4), output_size), by_loop(lambda x: layer(x, output_size), (2, 5, 4)))
    with record_operations(layer, 6) as recorder:
        given = layer(spikes, *arguments, **call)
    assert found(recorder.operations())[""] == given.flatten(1).sum(1).round().long().tolist()


def test_inputs_may_change_their_size() -> None:
    layer: Any = ones(nn.Conv2d(1, 1, 3, padding=1, bias=False))
    with record_operations(layer, 4) as recorder:
        outputs = [layer(torch.ones(2, 1, size, size)).flatten(1).sum(1) for size in (4, 6)]
    assert found(recorder.operations())[""] == torch.cat(outputs).long().tolist()


def refuse(module: nn.Module, inputs: object) -> None:
    raise ValueError("a bad batch")


def test_passes_that_raise_and_copies_count_nothing_and_autograd_may_change() -> None:
    torch.manual_seed(0)
    model, images = sew_resnet8(4, 5, 3, bn_scale=3.0, channels=1).eval(), torch.randn(6, 1, 8, 8)
    with record_operations(model) as whole, torch.no_grad():
        model(images)
    with record_operations(model) as recorder:
        with torch.inference_mode():
            model(images[:2])
        handle = model.blocks[1].register_forward_pre_hook(refuse)
        with pytest.raises(ValueError, match="a bad batch"):
            model(images)
        handle.remove()
        copy.deepcopy(model)(images)
        model(images[2:])
    assert recorder.operations() == whole.operations()


def test_layers_come_in_the_order_in_which_they_run() -> None:
    class Backwards(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last, self.first = nn.Linear(3, 3), nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.last(self.first(x))

    model = nn.DataParallel(Backwards())
    with record_operations(model) as recorder:
        model(torch.ones(2, 3))
    assert list(recorder.operations().layers) == ["first", "last"]


def test_inputs_that_no_samples_fit_are_refused() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.fc(torch.ones(5, 3))

    model = Odd()
    with record_operations(model), pytest.raises(FiringError, match=r"'fc' was called with inputs of \(5,\) for 2"):
        model(torch.ones(2, 3))
