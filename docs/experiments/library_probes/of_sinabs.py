"""What sinabs does."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Callable
from types import ModuleType
from typing import Any

import sinabs.layers as sl
import torch
from common import Step, attempt, neuron, operations, round_trip
from sinabs.hooks import register_synops_hooks
from sinabs.nir import from_nir, to_nir
from torch import Tensor, nn


def make(kind: str, threshold: float = 1.0) -> Step:
    options: Any = {"spike_threshold": torch.tensor(threshold)}
    cell = sl.IAF(**options) if kind == "IF" else sl.LIF(tau_mem=2.0, **options)

    def step(x: float) -> tuple[float, float]:
        return float(cell(torch.full((1, 1, 1), x))), float(cell.v_mem)

    return step


def spikes(network: Any, x: Tensor) -> Tensor:
    for module in network.modules():
        if hasattr(module, "reset_states"):
            module.reset_states()
    y = network(x)
    return y[0] if isinstance(y, tuple) else y


def export(network: nn.Module, x: Tensor) -> Any:
    spikes(network, x)
    return from_nir(to_nir(network, x), batch_size=3)


def there_and_back(x: Tensor, *layers: Callable[[], nn.Module]) -> str:
    return round_trip(export, spikes, lambda: nn.Sequential(*(layer() for layer in layers)), x)


def iaf() -> nn.Module:
    return sl.IAFSqueeze(batch_size=3)


def lif() -> nn.Module:
    return sl.LIFSqueeze(tau_mem=2.0, batch_size=3)


def lif_with_a_current() -> nn.Module:
    return sl.LIFSqueeze(tau_mem=2.0, tau_syn=2.0, batch_size=3)


def exchange() -> dict[str, str]:
    x, images = 2 * torch.randn(12, 6), torch.randn(12, 1, 6, 6)
    before = (lambda: nn.Conv2d(1, 2, 3), iaf, lambda: sl.SumPool2d(2), nn.Flatten)
    return {
        "NIR and back: IF": there_and_back(x, lambda: nn.Linear(6, 5), iaf),
        "NIR and back: LIF": there_and_back(x, lambda: nn.Linear(6, 5), lif),
        "NIR and back: LIF with a current": there_and_back(x, lambda: nn.Linear(6, 5), lif_with_a_current),
        "NIR and back: soft reset": "it has no hard reset of its own, and none is read",
        "NIR and back: convolution, pooling, Flatten": there_and_back(images, *before, lambda: nn.Linear(8, 3), iaf),
    }


def synops(linear: nn.Linear, x: Tensor) -> float:
    network = nn.Sequential(linear)
    register_synops_hooks(network)
    network(x)
    return float(network.hook_data["total_synops_per_timestep"])


def discretizing() -> ModuleType:
    """The module that makes weights whole for Speck, alone: its package installs samna as it is imported."""
    files = importlib.metadata.files("sinabs") or ()
    (file,) = (file for file in files if str(file).endswith("dynapcnn/discretize.py"))
    spec = importlib.util.spec_from_file_location("discretize", file.locate())
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def discretize() -> str:
    """What is left of a convolution for Speck."""
    discretize = discretizing()
    torch.manual_seed(0)
    conv = nn.Conv2d(2, 8, 3, bias=False)
    nn.init.normal_(conv.weight, std=0.1)
    left = []
    for bound in (None, -1.0):
        codes, cell = discretize.discretize_conv_spike(conv, sl.IAF(min_v_mem=bound))
        kept = int((codes.weight != 0).sum())
        left.append(f"{kept} of {conv.weight.numel()} weights not 0, threshold {int(cell.spike_threshold)}")
    return f"discretize_conv_spike: without a lower bound, the default: {left[0]}; with -1: {left[1]}"


def answers() -> dict[str, str]:
    trips = exchange()  # first, since it draws numbers
    return {
        **neuron(make),
        "defaults": "tau in steps, leak exp(-1 / tau), norm_input: the input is multiplied by 1 - leak; no dt",
        "layout": "(N, T, ...), or (N * T, ...) with Squeeze layers",
        **trips,
        "its own rounding": attempt(discretize),
        **operations(synops),
    }
