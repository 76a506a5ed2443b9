"""What SpikingJelly does."""

from __future__ import annotations

from typing import Any

import torch
from common import Step, neuron, operations, round_trip
from spikingjelly.activation_based import functional, layer, quantize
from spikingjelly.activation_based.neuron import CUBALIFNode, IFNode, LIFNode
from spikingjelly.activation_based.nir_exchange import export_to_nir, import_from_nir
from spikingjelly.activation_based.op_counter import DispatchCounterMode, SynOpCounter
from torch import Tensor, nn


def make(kind: str, threshold: float = 1.0) -> Step:
    cell = IFNode(v_threshold=threshold) if kind == "IF" else LIFNode(tau=2.0, v_threshold=threshold)

    def step(x: float) -> tuple[float, float]:
        spike = cell(torch.full((1,), x))
        return float(spike), float(cell.v)

    return step


def export(network: nn.Module, x: Tensor) -> Any:
    functional.reset_net(network)
    return import_from_nir(export_to_nir(network, x), step_mode="m")


def spikes(network: nn.Module, x: Tensor) -> Tensor:
    functional.reset_net(network)
    y = network(x)
    return y[0] if isinstance(y, tuple) else y


def there_and_back(x: Tensor, *layers: nn.Module) -> str:
    def build() -> nn.Module:
        network = nn.Sequential(*layers)
        functional.set_step_mode(network, "m")
        return network

    return round_trip(export, spikes, build, x)


def synops(linear: nn.Linear, x: Tensor) -> float:
    counter = SynOpCounter()
    with DispatchCounterMode([counter]):
        linear(x)
    return float(counter.get_total())


def exchange() -> dict[str, str]:
    x, images = 3 * torch.randn(20, 3, 6), 3 * torch.randn(20, 3, 1, 6, 6)
    before = (layer.Conv2d(1, 2, 3, bias=False), IFNode(), layer.AvgPool2d(2), layer.Flatten())
    return {
        "NIR and back: IF": there_and_back(x, layer.Linear(6, 5), IFNode()),
        "NIR and back: LIF": there_and_back(x, layer.Linear(6, 5), LIFNode()),
        "NIR and back: LIF with a current": there_and_back(x, layer.Linear(6, 5), CUBALIFNode()),
        "NIR and back: soft reset": there_and_back(x, layer.Linear(6, 5), IFNode(v_reset=None)),
        "NIR and back: convolution, pooling, Flatten": there_and_back(images, *before, layer.Linear(8, 3), IFNode()),
    }


def answers() -> dict[str, str]:
    trips = exchange()  # first, since it draws numbers
    levels = quantize.k_bit_quantize(torch.linspace(-2, 2, 9999), 2).unique()
    lif, if_ = LIFNode(), IFNode()
    return {
        **neuron(make),
        "defaults": f"tau {lif.tau:g} steps, threshold {if_.v_threshold:g}, reset to {if_.v_reset:g}; NIR dt 1e-4",
        "layout": "(T, N, ...) with step_mode 'm', (N, ...) with 's'",
        **trips,
        "its own rounding": f"2 bits of -2 to 2: k_bit_quantize: {len(levels)} levels",
        **operations(synops),
    }
