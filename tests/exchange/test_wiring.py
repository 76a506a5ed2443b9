"""Maxima and products of spikes, which NIR says as sums and thresholds: the same spikes and outputs, to the bit."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
import torch
from oracles.networks import library
from torch import Tensor, nn

from snnbench import from_nir, record_spikes, to_nir
from snnbench.exchange.graph import Graph
from snnbench.nn import IFNeuron, LIFNeuron, SEWResNet
from snnbench.nn.sew_resnet import per_step

STEPS = 4


@torch.no_grad()
def fired(network: nn.Module, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    with record_spikes(network) as recorder:
        output = network(images)
        return output, recorder.take(images.shape[-4] if images.ndim > 3 else len(images))


def kinds(graph: Graph) -> list[str]:
    return [node.type for node in graph.nodes.values()]


@pytest.mark.parametrize("connect", ["AND", "IAND"])
def test_shortcuts_that_multiply(connect: Any, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = SEWResNet([1, 1], 4, 5, STEPS, connect=connect, bn_scale=2.0, bn_bias=0.4).eval()
    back = from_nir(to_nir(model, tmp_path / "a.nir", input_shape=(3, 8, 8))[0])
    images = torch.randn(50, 3, 8, 8)
    (mine, spikes), (theirs, others) = fired(model, images), fired(back, images)
    assert torch.equal(mine, theirs)
    assert spikes.keys() == others.keys()
    assert all(torch.equal(spikes[name], others[name]) for name in spikes)
    assert model.blocks[1](model.blocks[0](spikes["stem.neuron"])).sum() > 0  # type: ignore[index]
    nir = pytest.importorskip("nir")
    assert isinstance(nir.read(tmp_path / "a.nir").nodes["blocks.1_1.both"], nir.Threshold)
    assert kinds(back.graph).count("Threshold") == (4 if connect == "IAND" else 2)


class Stepwise(nn.Module):
    """Runs a chain of layers, those without a state on each step."""

    def __init__(self, chain: nn.Sequential) -> None:
        super().__init__()
        self.chain = chain

    def forward(self, images: Tensor) -> Tensor:
        x = images.expand(STEPS, *images.shape)
        for module in self.chain:
            x = module(x) if isinstance(module, IFNeuron | LIFNeuron) else per_step(module, x)
        return x.mean(0)


CHAINS: dict[str, tuple[tuple[int, ...], Callable[[], list[nn.Module]]]] = {
    "maxima": (
        (2, 9, 9),
        lambda: [nn.Conv2d(2, 4, 3, padding=1), IFNeuron(), nn.MaxPool2d(3, 2, 1), nn.MaxPool2d(2), nn.Flatten()],
    ),
    "flattened first": ((2, 3, 3), lambda: [nn.Conv2d(2, 4, 3), IFNeuron(), nn.Flatten(), nn.Linear(4, 3)]),
    "rows": (
        (2, 16),
        lambda: [
            *(nn.Conv1d(2, 4, 3, stride=2, padding=1, bias=False), nn.BatchNorm1d(4), IFNeuron()),
            *(nn.Conv1d(4, 6, 3, dilation=2, padding="same"), LIFNeuron(), nn.Flatten()),
            *(nn.Linear(48, 5, bias=False), nn.BatchNorm1d(5), IFNeuron()),
        ],
    ),
}


@pytest.mark.parametrize("name", CHAINS)
def test_chains_of_layers(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    shape, make = CHAINS[name]
    chain = nn.Sequential(*make()).eval()
    for module in chain:
        if isinstance(module, nn.BatchNorm1d):
            nn.init.uniform_(module.running_var, 0.5, 2.0)  # type: ignore[arg-type]
            nn.init.normal_(module.running_mean, 0, 0.2)  # type: ignore[arg-type]
            nn.init.normal_(module.bias, 0.3, 0.3)
        elif hasattr(module, "weight"):
            module.weight.data *= 3
    file, _ = to_nir(chain, tmp_path / "a.nir", input_shape=shape, timesteps=STEPS)
    back = from_nir(file)
    images = torch.randn(50, *shape)
    (mine, spikes), (theirs, others) = fired(Stepwise(chain), images), fired(back, images)
    assert torch.equal(mine, theirs)
    assert all(torch.equal(layer, others[key.removeprefix("chain.")]) for key, layer in spikes.items())
    assert all(0.02 < layer.float().mean() < 0.98 for layer in spikes.values())
    again, _ = to_nir(back, tmp_path / "b.nir")
    assert torch.equal(from_nir(again)(images), theirs)
    pytest.importorskip("nir").read(file)


def test_max_pooling_is_a_sum_and_a_threshold(tmp_path: Path) -> None:
    chain = nn.Sequential(nn.Conv2d(2, 4, 3), IFNeuron(), nn.MaxPool2d(2))
    file, _ = to_nir(chain, tmp_path / "a.nir", input_shape=(2, 6, 6), timesteps=STEPS)
    assert kinds(from_nir(file).graph) == ["Input", "Conv2d", "IF", "SumPool2d", "Threshold", "Output"]


@pytest.mark.slow
@pytest.mark.parametrize("connect", ["ADD", "AND", "IAND"])
@torch.no_grad()
def test_a_sew_resnet_of_spikingjelly(connect: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("spikingjelly")
    for name in ("torchvision", "torchvision._internally_replaced_utils"):  # asked for, to download weights with
        monkeypatch.setitem(sys.modules, name, MagicMock())
    sew, neuron = library("spikingjelly.activation_based.model.sew_resnet"), "spikingjelly.activation_based.neuron"
    torch.manual_seed(0)
    options = {"cnf": connect, "spiking_neuron": library(neuron).IFNode, "v_threshold": 0.3}
    model = sew.SEWResNet(sew.BasicBlock, [1, 1, 1, 1], num_classes=10, **options).eval()
    library("spikingjelly.activation_based.functional").set_step_mode(model, "m")
    file, _ = to_nir(model, tmp_path / "a.nir", input_shape=(3, 32, 32), timesteps=STEPS)
    images = torch.randn(4, 3, 32, 32)
    back = from_nir(file)
    mine, spikes = fired(model, images.expand(STEPS, *images.shape))
    theirs, others = fired(back, images)
    assert all(torch.equal(layer, others[name]) for name, layer in spikes.items())
    torch.testing.assert_close(theirs, mine.mean(0))
