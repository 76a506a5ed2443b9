"""What snnTorch does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import snntorch as snn
import torch
from common import Step, neuron, operations, round_trip
from snntorch import utils
from snntorch.export_nir import export_to_nir
from snntorch.functional import quant
from snntorch.import_nir import import_from_nir
from torch import Tensor, nn


def make(kind: str, threshold: float = 1.0) -> Step:
    cell = snn.Leaky(beta=1.0 if kind == "IF" else 0.5, threshold=threshold, init_hidden=True)

    def step(x: float) -> tuple[float, float]:
        spike = cell(torch.full((1,), x))
        return float(spike), float(cell.mem)

    return step


def export(network: nn.Module, x: Tensor) -> Any:
    utils.reset(network)
    return import_from_nir(export_to_nir(network, x[0], ignore_dims=[0]))


def spikes(network: nn.Module, x: Tensor) -> Tensor:
    utils.reset(network)
    state, seen = None, []
    for x_t in x:
        y = network(x_t, state) if hasattr(network, "graph") else network(x_t)
        y, state = y if isinstance(y, tuple) else (y, None)
        seen.append(y)
    return torch.stack(seen)


def leaky(units: int, **options: Any) -> nn.Module:
    return snn.Leaky(beta=torch.full((units,), 0.5), threshold=torch.ones(units), init_hidden=True, **options)


def synaptic(units: int, **options: Any) -> nn.Module:
    half = torch.full((units,), 0.5)
    return snn.Synaptic(half, half.clone(), threshold=torch.ones(units), init_hidden=True, **options)


def there_and_back(x: Tensor, layers: Callable[[], list[nn.Module]]) -> str:
    return round_trip(export, spikes, lambda: nn.Sequential(*layers()), x)


def exchange() -> dict[str, str]:
    x, images = 3 * torch.randn(20, 3, 6), 3 * torch.randn(20, 3, 1, 6, 6)
    at_once = {"reset_mechanism": "zero", "reset_delay": False}
    return {
        "NIR and back: IF": there_and_back(x, lambda: [nn.Linear(6, 5), snn.Leaky(beta=1.0, init_hidden=True)]),
        "NIR and back: LIF": there_and_back(x, lambda: [nn.Linear(6, 5), leaky(5, **at_once)]),
        "NIR and back: LIF with a current": there_and_back(x, lambda: [nn.Linear(6, 5), synaptic(5, **at_once)]),
        "NIR and back: soft reset": there_and_back(x, lambda: [nn.Linear(6, 5), leaky(5)]),
        "NIR and back: convolution, pooling, Flatten": there_and_back(
            images,
            lambda: [nn.Conv2d(1, 2, 3, bias=False), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(8, 3), leaky(3)],
        ),
    }


def answers() -> dict[str, str]:
    trips = exchange()  # first, since it draws numbers
    levels = quant.state_quant(num_bits=2)(torch.linspace(-2, 2, 9999)).unique()
    return {
        **neuron(make),
        "defaults": "beta is required, threshold 1, reset by subtraction, one step late (reset_delay); NIR dt 1e-4",
        "layout": "(N, ...) one step; the loop over steps is the user's",
        **trips,
        "its own rounding": "2 bits of -2 to 2: state_quant: " + ", ".join(f"{level:.3g}" for level in levels),
        **operations(None),
    }
