"""First and last are what runs first and last."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snnbench.builtin.uniform import uniform
from snnbench.errors import OptionError
from snnbench.nn import LIFNeuron, sew_resnet8
from snnbench.quant import quantize_weights
from snnbench.quant.order import network_order


class Net(nn.Module):
    """Defined in another order than it runs; for images of 8 x 8."""

    timesteps = 2

    def __init__(self) -> None:
        super().__init__()
        self.fc2, self.body, self.neuron = nn.Linear(6, 5), nn.Conv2d(4, 4, 3, padding=1), LIFNeuron()
        self.fc1 = nn.Linear(256, 6)
        self.stem = nn.Conv2d(1, 4, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        first = self.neuron(self.stem(images).expand(2, -1, -1, -1, -1))
        second = self.body(first.flatten(0, 1)).unflatten(0, first.shape[:2])
        return self.fc2(self.fc1(second.flatten(2))).mean(0)


class Steps(Net):
    """Takes (T, N, C, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([self.fc2(self.fc1(self.body(self.stem(step)).flatten(1))) for step in x])


class Perceptron(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.last, self.first = nn.Linear(4, 2), nn.Linear(9, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.first(x))


class Unlike(nn.Module):
    """Takes what nobody would guess."""

    def __init__(self) -> None:
        super().__init__()
        self.last, self.first = nn.Linear(4, 2), nn.Linear(9, 4)

    def forward(self, x: dict[str, Tensor]) -> Tensor:
        return self.last(self.first(x["x"]))


def test_a_forward_pass_gives_the_order() -> None:
    assert network_order(Net(), (1, 8, 8)) == ("stem", "body", "fc1", "fc2")


@pytest.mark.parametrize(
    ("model", "order"),
    [(Net, ["stem", "body", "fc1", "fc2"]), (Steps, ["stem", "body", "fc1", "fc2"]), (Perceptron, ["first", "last"])],
)
def test_without_a_shape_it_is_found_all_the_same(model: Any, order: list[str]) -> None:
    assert network_order(model()) == tuple(order)


def test_a_network_that_nobody_can_run_is_asked_about() -> None:
    with pytest.raises(OptionError, match=r"pass input_shape=.*or exempt="):
        quantize_weights(Unlike(), lambda name, weight: uniform(weight, bits=4))


def test_first_and_last_are_exempt() -> None:
    net = Net()
    state = torch.get_rng_state()
    coverage = quantize_weights(net, lambda name, weight: uniform(weight, bits=4))
    assert set(coverage.full_precision) == {"stem", "fc2"}
    assert coverage.quantized == ("body", "fc1")
    assert torch.equal(torch.get_rng_state(), state)


def test_the_networks_that_ship_run_in_the_order_of_their_definition() -> None:
    net = sew_resnet8(4, channels=1, timesteps=2)
    names = [name for name, module in net.named_modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    assert network_order(net) == network_order(net, (1, 8, 8)) == tuple(names)
