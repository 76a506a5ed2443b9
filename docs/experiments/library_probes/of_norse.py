"""What Norse does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from common import Step, neuron, operations, round_trip
from norse.torch.functional.iaf import IAFParameters
from norse.torch.functional.lif_box import LIFBoxParameters
from norse.torch.module.iaf import IAFCell
from norse.torch.module.lif import LIFCell
from norse.torch.module.lif_box import LIFBoxCell
from norse.torch.module.sequential import SequentialState
from norse.torch.utils.export_nir import to_nir
from norse.torch.utils.import_nir import from_nir
from torch import Tensor, nn


def lif(threshold: float = 1.0) -> nn.Module:
    return LIFBoxCell(LIFBoxParameters(tau_mem_inv=torch.tensor(500.0), v_th=torch.tensor(threshold)))


def make(kind: str, threshold: float = 1.0) -> Step:
    cell = IAFCell(IAFParameters(v_th=torch.tensor(threshold))) if kind == "IF" else lif(threshold)
    state = [None]

    def step(x: float) -> tuple[float, float]:
        spike, state[0] = cell(torch.full((1,), x), state[0])
        return float(spike), float(state[0].v)

    return step


def spikes(network: nn.Module, x: Tensor) -> Tensor:
    state, seen = None, []
    for x_t in x:
        y, state = network(x_t, state)
        seen.append(y)
    return torch.stack(seen)


def export(network: nn.Module, x: Tensor) -> Any:
    return from_nir(to_nir(network, x[0]), ignore_warnings=True)


def there_and_back(x: Tensor, *layers: Callable[[], nn.Module]) -> str:
    return round_trip(export, spikes, lambda: SequentialState(*(layer() for layer in layers)), x)


def exchange() -> dict[str, str]:
    x, images = 3 * torch.randn(20, 3, 6), 3 * torch.randn(20, 3, 1, 6, 6)
    image_layers = (lambda: nn.Conv2d(1, 2, 3), lambda: nn.AvgPool2d(2), nn.Flatten, lambda: nn.Linear(8, 3), IAFCell)
    return {
        "NIR and back: IF": there_and_back(x, lambda: nn.Linear(6, 5), IAFCell),
        "NIR and back: LIF": there_and_back(x, lambda: nn.Linear(6, 5), lif),
        "NIR and back: LIF with a current": there_and_back(x, lambda: nn.Linear(6, 5), LIFCell),
        "NIR and back: soft reset": "no argument of from_nir reaches an IF or LIF",
        "NIR and back: convolution, pooling, Flatten": there_and_back(images, *image_layers),
    }


def answers() -> dict[str, str]:
    trips = exchange()  # first, since it draws numbers
    tau = 1 / float(LIFBoxParameters().tau_mem_inv)
    return {
        **neuron(make),
        "defaults": f"tau {tau:g} s, dt 1e-3 s, threshold 1, reset to 0; NIR dt 1e-3",
        "layout": "cells (N, ...) one step, modules (T, N, ...)",
        **trips,
        "its own rounding": "none",
        **operations(None),
    }
