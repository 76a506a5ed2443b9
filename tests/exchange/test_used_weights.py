"""Layers that make their weights as they run: what is written is what they multiply with, or they are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from oracles.networks import library
from torch import Tensor, nn

from snnbench import from_nir, to_nir
from snnbench.errors import GraphError

_SPIKINGJELLY = ("layer", "neuron", "functional")


class Rounded(nn.Linear):
    """As SpikingJelly's documentation writes it."""

    def forward(self, x: Tensor) -> Tensor:
        ops = library("spikingjelly.activation_based.quantize")
        return F.linear(x, 2 * ops.k_bit_quantize(ops.clamp_by_linear(self.weight), 3) - 1, self.bias)


class Standardized(nn.Conv2d):
    """A convolution of standardized weights."""

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight - self.weight.mean(dim=(1, 2, 3), keepdim=True)
        return self._conv_forward(x, weight / weight.std(dim=(1, 2, 3), keepdim=True), self.bias)


class RoundedInput(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x.round(), self.weight, self.bias)


class ByInput(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight * x.abs().max(), self.bias)


class Doubled(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


@torch.no_grad()
def test_the_weights_that_are_used_are_written(tmp_path: Path) -> None:
    torch.manual_seed(0)
    neuron = library("spikingjelly.activation_based.neuron")
    network = nn.Sequential(Standardized(1, 4, 3), neuron.IFNode(), nn.Flatten(), Rounded(144, 10)).eval()
    file, _ = to_nir(network, tmp_path / "a.nir", input_shape=(1, 8, 8), timesteps=3)
    back, images = from_nir(file), torch.rand(20, 1, 8, 8)
    torch.testing.assert_close(back(images), torch.stack([network(images) for _ in range(3)]).mean(0))
    assert back.sidecar is not None
    assert back.sidecar.weights["3"].bits == 3
    assert back.sidecar.full_precision == ["0"]
    assert len(back.get_submodule("3").weight.unique()) <= 8  # type: ignore[union-attr]


@torch.no_grad()
@pytest.mark.parametrize("mode", ["s", "m"])
def test_spikingjellys_standardized_weights_are_written(mode: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    layers, neuron, functional = (library(f"spikingjelly.activation_based.{n}") for n in _SPIKINGJELLY)
    network = nn.Sequential(
        layers.WSConv2d(1, 4, 3), neuron.IFNode(v_threshold=0.5), layers.Flatten(), layers.WSLinear(144, 10)
    ).eval()
    functional.set_step_mode(network, mode)
    file, _ = to_nir(network, tmp_path / "a.nir", input_shape=(1, 8, 8), timesteps=3)
    back, images = from_nir(file), torch.rand(20, 1, 8, 8)
    torch.testing.assert_close(back.get_submodule("0").weight, network[0].get_weight())  # type: ignore[operator]
    functional.reset_net(network)
    several = images.expand(3, *images.shape)
    steps = network(several) if mode == "m" else torch.stack([network(each) for each in several])
    torch.testing.assert_close(back(images), steps.mean(0))


@pytest.mark.parametrize("layer", [RoundedInput, ByInput, Doubled])
def test_other_forwards_are_refused(layer: Callable[..., nn.Module], tmp_path: Path) -> None:
    network = nn.Sequential(nn.Linear(4, 4), layer(4, 4))
    with pytest.raises(GraphError, match=r"layer '1' \(\w+\) has a forward of its own that does not only"):
        to_nir(network, tmp_path / "a.nir", input_shape=(4,), timesteps=1)
    assert not list(tmp_path.iterdir())
