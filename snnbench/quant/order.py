"""The order in which layers run, and which weights feed which neurons."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import nn


def running_order(layers: Mapping[str, nn.Module], run: Callable[[], object]) -> tuple[str, ...]:
    """The names of `layers` in the order in which `run` first runs them; those that it never runs are left out."""
    order: dict[str, None] = {}

    def note(name: str) -> Callable[[nn.Module, Any], None]:
        return lambda module, inputs: order.setdefault(name)

    handles = [layer.register_forward_pre_hook(note(name)) for name, layer in layers.items()]
    try:
        with torch.no_grad():
            run()
    finally:
        for handle in handles:
            handle.remove()
    return tuple(order)


def feeding(order: Sequence[str], neurons: Collection[str]) -> dict[str, str]:
    """Spiking layer -> the layer of weights that runs right before it in `order`, if one does.

    A layer of weights that another follows before any neuron fires (a classifier, say) feeds none; a neuron right
    after another one is fed by none.
    """
    return {name: before for before, name in pairwise(order) if name in neurons and before not in neurons}
