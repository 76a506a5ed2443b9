"""One small network of each library, all with the same contract: images (N, 1, 8, 8) in, ten classes."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

T = 4


def library(name: str) -> ModuleType:
    """The installed library, its own deprecation warnings aside; without it the test is skipped."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(name, exc_type=ImportError)


def ours() -> nn.Module:
    from snnbench.nn import sew_resnet8

    return sew_resnet8(4, 10, T, channels=1, bn_scale=3.0)


def spikingjelly_multi() -> nn.Module:
    layer, neuron = library("spikingjelly.activation_based.layer"), library("spikingjelly.activation_based.neuron")
    functional = import_module("spikingjelly.activation_based.functional")
    net = nn.Sequential(
        layer.Conv2d(1, 8, 3, padding=1),
        neuron.IFNode(v_threshold=0.3),
        layer.Conv2d(8, 8, 3, stride=2),
        neuron.LIFNode(v_threshold=0.1),
        layer.Flatten(),
        layer.Linear(8 * 9, 10),
    )
    functional.set_step_mode(net, "m")
    return net


def spikingjelly_single() -> nn.Module:
    net = spikingjelly_multi()
    import_module("spikingjelly.activation_based.functional").set_step_mode(net, "s")
    return net


class SnnTorch(nn.Module):
    """As the tutorials of snnTorch write it: a loop inside of the forward, spikes and membranes of the last layer."""

    def __init__(self) -> None:
        super().__init__()
        snn = library("snntorch")
        self.conv, self.lif1 = nn.Conv2d(1, 8, 3, padding=1), snn.Leaky(beta=0.9, threshold=0.3)
        self.fc1, self.lif2 = nn.Linear(8 * 64, 20), snn.Leaky(beta=0.9, threshold=0.1)
        self.fc2, self.lif3 = nn.Linear(20, 10), snn.Leaky(beta=0.9, threshold=0.05)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mem1, mem2, mem3 = self.lif1.reset_mem(), self.lif2.reset_mem(), self.lif3.reset_mem()
        spikes, potentials = [], []
        for _ in range(T):
            spk1, mem1 = self.lif1(self.conv(x), mem1)
            spk2, mem2 = self.lif2(self.fc1(spk1.flatten(1)), mem2)
            spk3, mem3 = self.lif3(self.fc2(spk2), mem3)
            spikes.append(spk3)
            potentials.append(mem3)
        return torch.stack(spikes), torch.stack(potentials)


def snntorch_hidden() -> nn.Module:
    snn = library("snntorch")
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(64, 30),
        snn.Leaky(beta=0.9, threshold=0.3, init_hidden=True),
        nn.Linear(30, 20),
        snn.Leaky(beta=0.9, threshold=0.1, init_hidden=True),
        nn.Linear(20, 10),
    )


class Norse(nn.Module):
    """A recurrent cell and a feed-forward one, stepped by hand."""

    def __init__(self) -> None:
        super().__init__()
        norse = library("norse.torch")
        parameters = norse.LIFParameters(v_th=torch.tensor(0.02))
        self.fc = nn.Linear(64, 20)
        self.first = norse.LIFRecurrentCell(20, 20, p=parameters)
        self.second, self.out = norse.LIFCell(p=parameters), nn.Linear(20, 10)

    def forward(self, x: Tensor) -> Tensor:
        first = second = None
        outputs = []
        for _ in range(T):
            spikes, first = self.first(self.fc(x.flatten(1)), first)
            spikes, second = self.second(5 * spikes, second)
            outputs.append(self.out(spikes))
        return torch.stack(outputs)


def sinabs_squeezed() -> nn.Module:
    sinabs = library("sinabs.layers")
    single = library("sinabs.activation").SingleSpike
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        sinabs.IAFSqueeze(num_timesteps=T, spike_threshold=0.3, spike_fn=single),
        nn.Flatten(),
        nn.Linear(8 * 64, 20),
        sinabs.LIFSqueeze(tau_mem=20.0, num_timesteps=T, spike_threshold=0.1, spike_fn=single),
        nn.Linear(20, 10),
    )


class Threshold(nn.Module):
    """A neuron of nobody's library: it fires where the input is large."""

    def forward(self, x: Tensor) -> Tensor:
        return (x > 0.1).to(x.dtype)


class Plain(nn.Module):
    """A module of one's own, whose spiking layers are named by the user."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fire, self.fc2 = nn.Linear(64, 30), Threshold(), nn.Linear(30, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(self.fire(self.fc1(x.flatten(1))))


def loop(network: Callable[..., Any], images: Tensor) -> Tensor:
    """A loop of one's own over the steps."""
    return torch.stack([network(images) for _ in range(T)])


NETWORKS: dict[str, tuple[Callable[[], nn.Module], dict[str, Any]]] = {
    "snnbench": (ours, {}),
    "spikingjelly_multi": (spikingjelly_multi, {"timesteps": T}),
    "spikingjelly_single": (spikingjelly_single, {"timesteps": T}),
    "spikingjelly_loop": (spikingjelly_single, {"loop": loop}),
    "snntorch": (SnnTorch, {}),
    "snntorch_hidden": (snntorch_hidden, {"timesteps": T}),
    "norse": (Norse, {}),
    "sinabs": (sinabs_squeezed, {"timesteps": T}),
    "plain": (Plain, {"timesteps": T, "layers": ["fire"]}),
}


def make(name: str) -> tuple[nn.Module, dict[str, Any]]:
    """The network and how it is run."""
    build, options = NETWORKS[name]
    torch.manual_seed(0)
    return build().eval(), dict(options)


def batches(count: int = 3, size: int = 20) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(1)
    return [
        (torch.rand(size, 1, 8, 8, generator=generator), torch.randint(10, (size,), generator=generator))
        for _ in range(count)
    ]
