"""Which spiking layers quantization can reach: against moving the weights and seeing which layers fire otherwise."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snnbench.nn import record_firing
from snnbench.nn.neurons import LIFNeuron
from snnbench.nn.sew_resnet import sew_resnet8
from snnbench.quant import quantize_membranes, quantize_weights
from snnbench.quant.reach import reached_layers


class Branches(nn.Module):
    """Two convolutions beside each other, and one behind both."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right, self.both = (nn.Conv2d(1, 1, 1) for _ in range(3))
        self.left_neuron, self.right_neuron, self.both_neuron = (LIFNeuron() for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        left, right = self.left_neuron(self.left(x)[None]), self.right_neuron(self.right(x)[None])
        return self.both_neuron(self.both((left + right)[0])[None]).flatten(2).mean(0)


def moved(model: nn.Module, layers: tuple[str, ...], shape: tuple[int, ...]) -> tuple[str, ...]:
    """The spiking layers that fire otherwise after the weights of `layers` changed their sign."""
    images = torch.rand(8, *shape, generator=torch.Generator().manual_seed(0)) * 8
    profiles = []
    for _ in range(2):
        with record_firing(model) as recorder, torch.no_grad():
            model.eval()(images)
        profiles.append(recorder.profile())
        for name in layers:
            model.get_submodule(name).weight.data *= -1
    return tuple(name for name, layer in profiles[0].layers.items() if layer != profiles[1].layers[name])


@pytest.mark.parametrize("layers", [("left",), ("right",), ("both",), ("left", "both")])
def test_a_branch_beside_a_quantized_layer_is_not_reached(layers: tuple[str, ...]) -> None:
    torch.manual_seed(0)
    model = Branches()
    with torch.no_grad():
        for layer in (model.left, model.right, model.both):
            layer.weight.fill_(0.9 if layer is not model.both else 1.5)
            layer.bias.fill_(0)
    assert reached_layers(model, layers, (1, 4, 4)) == moved(model, layers, (1, 4, 4))


@pytest.mark.parametrize(
    ("exempt", "first"), [(None, 1), (("head",), 0), (("stem.conv", "blocks.1_1.layer1.conv", "head"), 2)]
)
def test_everything_behind_the_first_quantized_layer_of_a_sew_resnet(
    exempt: tuple[str, ...] | None, first: int
) -> None:
    torch.manual_seed(0)
    model = sew_resnet8(4, 10, 2, channels=1)
    exempt = exempt and tuple(name.replace("head", [*dict(model.named_modules())][-1]) for name in exempt)
    coverage = quantize_weights(model, lambda layer, tensor: nn.Identity(), exempt)
    found = reached_layers(model, coverage.quantized, (1, 8, 8))
    neurons = [name for name, module in model.named_modules() if isinstance(module, LIFNeuron)]
    assert found == tuple(neurons[first:])
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_a_quantized_membrane_is_reached_wherever_it_is() -> None:
    model = sew_resnet8(4, 10, 2, channels=1)
    names = quantize_membranes(model, lambda layer, tensor: nn.Identity(), "post_reset", (1, 8, 8))
    assert reached_layers(model, (), (1, 8, 8)) == names


def test_behind_a_neuron_without_a_gradient_everything_later_is_reached() -> None:
    class Hard(LIFNeuron):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x.detach())

    model = Branches()
    model.left_neuron = Hard()
    assert reached_layers(model, ("left",), (1, 4, 4)) == ("left_neuron", "right_neuron", "both_neuron")


def test_what_runs_last_behind_a_neuron_without_a_gradient_is_reached_past_others_that_have_one() -> None:
    class Hard(LIFNeuron):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x.detach())

    class Late(Branches):
        def forward(self, x: Tensor) -> Tensor:
            left, _ = self.left_neuron(self.left(x)[None]), self.right_neuron(self.right(x)[None])
            return self.both_neuron(self.both(left[0])[None]).flatten(2).mean(0)

    model = Late()
    model.left_neuron = Hard()
    assert "both_neuron" in reached_layers(model, ("left", "right"), (1, 4, 4))


def test_matrices_of_recurrent_cells_reach_what_is_behind_them() -> None:
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.before, self.cell, self.after = LIFNeuron(), nn.RNNCell(4, 3), LIFNeuron()

        def forward(self, x: Tensor) -> Tensor:
            return self.after(self.cell(self.before(x[None])[0])[None]).mean(0)

    assert reached_layers(Recurrent(), ("cell.weight_ih", "cell.weight_hh"), (4,)) == ("after",)


@pytest.mark.parametrize("place", [{"dtype": torch.float64}, {"device": "meta"}])
def test_the_network_is_asked_in_its_own_type_and_on_its_own_device(place: dict[str, Any]) -> None:
    """As after a measurement on a GPU, for which the device without memory stands here."""
    model = sew_resnet8(4, 10, 2, channels=1).to(**place)
    assert reached_layers(model, ("fc", "blocks.3_1.layer2.conv"), (1, 8, 8)) == ("blocks.3_1.layer2.neuron",)
