"""Small networks of each kind of layer that NIR libraries share, and what they do in a file of this project."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from snnbench import from_nir, to_nir
from snnbench.nn import SpikingNeuron

STEPS = 6
Make = Callable[[], SpikingNeuron]
NETWORKS: dict[str, tuple[tuple[int, ...], Callable[[Make], nn.Module]]] = {
    "linear": ((16,), lambda make: nn.Sequential(nn.Linear(16, 12), make(), nn.Linear(12, 6, bias=False), make())),
    "convolution": (
        (2, 9, 8),
        lambda make: nn.Sequential(nn.Conv2d(2, 4, 3, (2, 1), (1, 2)), make(), nn.Conv2d(4, 6, 3, bias=False), make()),
    ),
    "pooling": (
        (2, 8, 8),
        lambda make: nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), make(), nn.AvgPool2d(2), nn.Conv2d(4, 3, 1), make()),
    ),
    "flatten": (
        (2, 4, 4),
        lambda make: nn.Sequential(nn.Conv2d(2, 4, 3), make(), nn.Flatten(), nn.Linear(16, 8), make()),
    ),
}


def network(layers: str, make: Make) -> tuple[nn.Module, tuple[int, ...]]:
    torch.manual_seed(0)
    shape, build = NETWORKS[layers]
    model = build(make).eval()
    for parameter in model.parameters():
        if parameter.ndim:
            parameter.data *= 8 if layers == "pooling" else 2.5
    return model, shape


def own_spikes(model: nn.Module, shape: tuple[int, ...], images: Tensor, folder: Path) -> Tensor:
    """The last layer's spikes, of this project's own file."""
    file, *_ = to_nir(model, folder / "own.nir", input_shape=shape, timesteps=STEPS)
    back = from_nir(file)
    seen: list[Tensor] = []
    last = [module for module in back.modules() if isinstance(module, SpikingNeuron)][-1]
    last.register_forward_hook(lambda _m, _i, spikes: seen.append(spikes))
    with torch.no_grad():
        back(images)
    return seen[0]
