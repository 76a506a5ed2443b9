"""Putting quantizers on a model: weights by parametrization, membrane potentials in the neurons."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from snnbench.errors import OptionError, ProtocolError, did_you_mean
from snnbench.nn.neurons import Site, SpikingNeuron
from snnbench.nn.recording import spiking_layers
from snnbench.nn.synapses import CONVOLUTIONS, Matrix, matrices, weight_layers
from snnbench.quant.order import feeding, running_order

MakeQuantizer = Callable[[str, Tensor], nn.Module]
"""(layer name, tensor) -> quantizer of that tensor."""


@dataclass(frozen=True)
class Coverage:
    """Which layers were quantized and which stay in full precision, by qualified name."""

    quantized: tuple[str, ...]
    full_precision: tuple[str, ...]


def check_layers(names: Iterable[str], layers: Collection[str], key: str) -> None:
    """Refuse `names`, given as ``[quantize] key`` in a protocol, that are not among the `layers` it may name.

    Raises:
        ProtocolError: if there are any; it names them all, and what is near to each.
    """
    known = list(layers)
    unknown = [
        f"'{name}' is not a layer it can name{did_you_mean(name, known) or ';'}" for name in names if name not in known
    ]
    if unknown:
        raise ProtocolError(f"[quantize] {key} of the protocol: {' '.join(unknown)} it can name {', '.join(known)}")


def default_exempt(model: nn.Module) -> tuple[str, ...]:
    """The first convolution and the last linear layer, which the literature leaves in full precision."""
    layers = weight_layers(model)
    convolutions = [name for name, module in layers.items() if isinstance(module, CONVOLUTIONS)]
    linears = [name for name, module in layers.items() if isinstance(module, nn.Linear)]
    return (*convolutions[:1], *linears[-1:])


class _FullPrecision(parametrize.ParametrizationList):
    """Quantizers that compute in the weight's own precision when autocast is on: a basis is no activation."""

    def forward(self) -> Tensor:
        with torch.autocast(self.original.device.type, enabled=False):
            return super().forward()


def _in_full_precision(matrix: Matrix) -> None:
    cast(Any, matrix.module.parametrizations)[matrix.tensor].__class__ = _FullPrecision


def quantize_weights(model: nn.Module, make: MakeQuantizer, exempt: Collection[str] | None = None) -> Coverage:
    """Parametrize the weight of every convolution, linear layer and recurrent cell of `model`, in place.

    Args:
        model: the network.
        make: builds the quantizer of one layer from its name and weight.
        exempt: layers to leave in full precision; by default `default_exempt`.

    Raises:
        ProtocolError: if a name in `exempt` is not a layer (see `check_layers`).
        OptionError: if no layer is left to quantize.
    """
    layers = matrices(model)
    exempt = default_exempt(model) if exempt is None else exempt
    check_layers(exempt, layers, "exempt")
    chosen = tuple(name for name in layers if name not in exempt)
    if not chosen:
        raise OptionError(f"no layer of {type(model).__name__} was left to quantize; exempt are {', '.join(exempt)}")
    for name in chosen:
        matrix = layers[name]
        parametrize.register_parametrization(matrix.module, matrix.tensor, make(name, matrix.weight.detach()))
        _in_full_precision(matrix)
    observe_forwards(model)
    return Coverage(chosen, tuple(name for name in layers if name in exempt))


def quantize_membranes(
    model: nn.Module, make: MakeQuantizer, site: Site, input_shape: Sequence[int]
) -> tuple[str, ...]:
    """Give every spiking layer of `model` a state quantizer at `site`; returns the layers' names.

    The factory gets a tensor of shape (C,), C the channels of the layer. It holds no values (all NaN), since a
    membrane has none before the network runs.

    Raises:
        OptionError: if the model has no spiking layer that can hold a state quantizer.
    """
    layers = spiking_layers(model)
    if not layers:
        raise OptionError(f"{type(model).__name__} has no spiking layer whose membrane could be quantized")
    channels = _channels(model, layers, input_shape)
    for name, neuron in layers.items():
        cast(SpikingNeuron, neuron).state_quantizer = make(name, torch.full((channels[name],), torch.nan))
        cast(SpikingNeuron, neuron).site = site
    observe_forwards(model)
    return tuple(layers)


def quantizers(model: nn.Module) -> dict[str, nn.Module]:
    """The weight quantizers of `model` by the name of their layer (or of a recurrent cell's matrix)."""
    return {name: _quantizer(matrix) for name, matrix in matrices(model).items() if matrix.is_parametrized}


def feeding_quantizers(model: nn.Module, input_shape: Sequence[int]) -> dict[str, nn.Module]:
    """Spiking layer of `model` -> the quantizer of the weights that feed it (`feeding`), where there is one."""
    offered, neurons = quantizers(model), spiking_layers(model)
    order = running_order({**weight_layers(model), **neurons}, lambda: _run_once(model, input_shape))
    return {name: offered[layer] for name, layer in feeding(order, neurons).items() if layer in offered}


def bake(model: nn.Module) -> None:
    """Replace every parametrized weight by its quantized value, in place; the quantizers are gone."""
    for matrix in matrices(model).values():
        if matrix.is_parametrized:
            parametrize.remove_parametrizations(matrix.module, matrix.tensor, leave_parametrized=True)


def _quantizer(matrix: Matrix) -> nn.Module:
    parametrizations = cast(Mapping[str, Sequence[nn.Module]], matrix.module.parametrizations)
    return parametrizations[matrix.tensor][0]


def _channels(model: nn.Module, layers: Mapping[str, nn.Module], input_shape: Sequence[int]) -> dict[str, int]:
    found: dict[str, int] = {}

    def note(name: str) -> Callable[[nn.Module, Any, Tensor], None]:
        return lambda module, inputs, spikes: found.__setitem__(name, spikes.shape[2])

    handles = [module.register_forward_hook(note(name)) for name, module in layers.items()]
    try:
        _run_once(model, input_shape)
    finally:
        for handle in handles:
            handle.remove()
    return found


def _run_once(model: nn.Module, input_shape: Sequence[int]) -> None:
    training = model.training
    try:
        with torch.inference_mode():
            model.eval()(torch.zeros(1, *input_shape))
    finally:
        model.train(training)


def observe_forwards(model: nn.Module) -> None:
    """Tell quantizers that refit themselves of each training forward of `model`."""
    if _start not in model._forward_pre_hooks.values():
        model.register_forward_pre_hook(_start)
        model.register_forward_hook(_finish)


def _learners(model: nn.Module) -> Iterator[Any]:
    return (module for module in model.modules() if hasattr(module, "finish_forward"))


def _start(model: nn.Module, inputs: Any) -> None:
    """Tell quantizers that refit themselves that a training forward begins: reading a weight is not one."""
    if model.training:
        for quantizer in _learners(model):
            quantizer.start_forward()


def _finish(model: nn.Module, inputs: Any, output: Any) -> None:
    if model.training:
        for quantizer in _learners(model):
            quantizer.finish_forward()
