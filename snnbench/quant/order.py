"""The order in which layers run, and which weights feed which neurons."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from snnbench.errors import OptionError
from snnbench.nn.hooks import told_of_calls
from snnbench.nn.synapses import weight_layers
from snnbench.nn.walk import evaluating, timesteps_of

_IMAGE, _FEATURES, _STEPS = (3, 32, 32), (8,), 4


def running_order(layers: Mapping[str, nn.Module], run: Callable[[], object]) -> dict[str, int]:
    """How often `run` runs each of `layers`, by name, in the order in which it first does; others are left out."""
    calls: dict[str, int] = {}

    def note(name: str, inputs: Any, output: None) -> None:
        calls[name] = calls.get(name, 0) + 1

    with told_of_calls(layers, note, first=True), torch.no_grad():
        run()
    return calls


def run_once(model: nn.Module, input_shape: Sequence[int]) -> None:
    """Run `model` in evaluation mode on one image of zeros; modes and the random state are as before."""
    with evaluating(model), torch.random.fork_rng(devices=[]), torch.inference_mode():
        model(zeros_for(model, (1, *input_shape)))


def network_order(model: nn.Module, input_shape: Sequence[int] | None = None) -> tuple[str, ...]:
    """The names of the convolutions and linear layers of `model` in the order in which they run.

    Without `input_shape`, a copy runs on made-up images whose size and channels are made to fit each layer. A model
    without a forward pass of its own has the order in which its layers are defined.

    Raises:
        OptionError: if the copy runs on none of them.
    """
    if input_shape is not None:
        return tuple(running_order(weight_layers(model), lambda: run_once(model, input_shape)))
    if type(model).forward is nn.Module.forward:
        return tuple(weight_layers(model))
    for shape in _made_up(model):
        if order := _order_of_copy(model, shape):
            return order
    raise OptionError(
        f"which layers of {type(model).__name__} run first and last is not known without running it; pass "
        "input_shape=(channels, height, width), or exempt=[...] with the layers to leave in full precision"
    )


def feeding(order: Iterable[str], neurons: Collection[str]) -> dict[str, str]:
    """Spiking layer -> the layer of weights that runs right before it in `order`, if one does.

    A layer of weights that another follows before any neuron fires (a classifier, say) feeds none; a neuron right
    after another one is fed by none.
    """
    return {name: before for before, name in pairwise(order) if name in neurons and before not in neurons}


def zeros_for(model: nn.Module, shape: Sequence[int]) -> Tensor:
    """Zeros of `shape`, of the type and on the device that `model` computes in."""
    like = next((each for each in model.parameters() if each.is_floating_point()), torch.empty(0))
    return like.new_zeros(shape)


def _made_up(model: nn.Module) -> Iterator[tuple[int, ...]]:
    steps = next((n for n in (timesteps_of(model), getattr(model, "T", 0)) if isinstance(n, int) and n), 0)
    for shape in (_IMAGE, _FEATURES):
        yield (1, *shape)
        yield (steps or _STEPS, 1, *shape)


def _order_of_copy(model: nn.Module, shape: tuple[int, ...]) -> tuple[str, ...]:
    """The order in which layers run in a copy of `model` on zeros; empty if it cannot be copied or run."""
    try:
        twin = copy.deepcopy(model)
        layers = weight_layers(twin)
        for layer in layers.values():
            layer.register_forward_pre_hook(_fit)
        with evaluating(twin), torch.random.fork_rng(devices=[]):
            return tuple(running_order(layers, lambda: twin(zeros_for(twin, shape))))
    except Exception:  # noqa: BLE001  (any network may be tried on input that is not made for it)
        return ()


def _fit(layer: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """Zeros of as many channels or features as `layer` takes, where its input has others."""
    linear = isinstance(layer, nn.Linear)
    wanted, place = (layer.in_features, 1) if linear else (layer.in_channels, len(layer.kernel_size) + 1)
    if not inputs or not isinstance(inputs[0], Tensor) or inputs[0].ndim < place or inputs[0].shape[-place] == wanted:
        return None
    shape = list(inputs[0].shape)
    shape[-place] = wanted
    return (inputs[0].new_zeros(shape), *inputs[1:])
