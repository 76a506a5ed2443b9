"""Putting quantizers on a model: weights by parametrization, membrane potentials in the neurons."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from snnbench.errors import OptionError, ProtocolError, did_you_mean
from snnbench.nn.hooks import told_of_calls
from snnbench.nn.neurons import Site, SpikingNeuron
from snnbench.nn.recording import spiking_layers
from snnbench.nn.refits import observe_forwards
from snnbench.nn.synapses import CONVOLUTIONS, Matrix, matrices, weight_layers
from snnbench.quant.order import feeding, network_order, run_once, running_order

_QUANTIZES = "_quantizes_weight"

MakeQuantizer = Callable[[str, Tensor], nn.Module]
"""(layer name, tensor) -> quantizer of that tensor."""


@dataclass(frozen=True)
class Coverage:
    """Which layers were quantized and which stay in full precision, by qualified name."""

    quantized: tuple[str, ...]
    full_precision: tuple[str, ...]


def check_layers(names: Iterable[str], layers: Collection[str], key: str) -> None:
    """Refuse `names`, given as `key` by the user or in a protocol, that are not among the `layers` it may name.

    Raises:
        ProtocolError: if there are any; it names them all, and what is near to each.
    """
    known = list(layers)
    unknown = [
        f"'{name}' is not a layer it can name{did_you_mean(name, known) or ';'}" for name in names if name not in known
    ]
    if unknown:
        raise ProtocolError(f"{key}: {' '.join(unknown)} it can name {', '.join(known)}")


def default_exempt(model: nn.Module, input_shape: Sequence[int] | None = None) -> tuple[str, ...]:
    """The first convolution and the last linear layer to run, which the literature leaves in full precision.

    Raises:
        OptionError: as `network_order`, where there are several to choose from.
    """
    layers = weight_layers(model)
    convolutions = [name for name, module in layers.items() if isinstance(module, CONVOLUTIONS)]
    linears = [name for name, module in layers.items() if isinstance(module, nn.Linear)]
    if len(convolutions) > 1 or len(linears) > 1:
        order = network_order(model, input_shape)
        convolutions = [name for name in order if name in convolutions]
        linears = [name for name in order if name in linears]
    return (*convolutions[:1], *linears[-1:])


class _FullPrecision(parametrize.ParametrizationList):
    """Quantizers that compute in the weight's own precision when autocast is on: a basis is no activation."""

    def forward(self) -> Tensor:
        device = next(self.parameters(recurse=False)).device.type
        with torch.autocast(device, enabled=False):
            return super().forward()


def _in_full_precision(matrix: Matrix) -> None:
    cast(Any, matrix.module.parametrizations)[matrix.tensor].__class__ = _FullPrecision


def quantize_weights(
    model: nn.Module,
    make: MakeQuantizer,
    exempt: Collection[str] | None = None,
    input_shape: Sequence[int] | None = None,
) -> Coverage:
    """Parametrize the weight of every convolution, linear layer and recurrent cell of `model`, in place.

    A weight that has a parametrization already (weight norm) is quantized as that gives it.

    Args:
        model: the network.
        make: builds the quantizer of one layer from its name and weight.
        exempt: layers to leave in full precision; by default `default_exempt`.
        input_shape: of one image, (C, H, W); needed where the order of layers cannot be found without.

    Raises:
        ProtocolError: if a name in `exempt` is not a layer (see `check_layers`).
        OptionError: if no layer is left to quantize, the weight of one is no parameter, or the order is not known.
    """
    layers = matrices(model)
    exempt = default_exempt(model, input_shape) if exempt is None else exempt
    check_layers(exempt, layers, "exempt")
    chosen = tuple(name for name in layers if name not in exempt)
    if not chosen:
        why = f"exempt are {', '.join(exempt)}" if layers else "it has no linear layer, convolution or recurrent cell"
        raise OptionError(f"no layer of {type(model).__name__} was left to quantize; {why}")
    for name in chosen:
        _check_weight(layers[name])
        put_quantizer(layers[name], make(name, layers[name].weight.detach()))
    observe_forwards(model)
    return Coverage(chosen, tuple(name for name in layers if name in exempt))


def put_quantizer(matrix: Matrix, quantizer: nn.Module) -> None:
    """Parametrize the weights by `quantizer`, and mark them as quantized."""
    parametrize.register_parametrization(matrix.module, matrix.tensor, quantizer)
    quantizer.__dict__[_QUANTIZES] = True
    _in_full_precision(matrix)


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
    found = ((name, parametrizations_of(matrix)) for name, matrix in matrices(model).items())
    return {name: place[0][place[1]] for name, place in found if place}


def unquantized_weight(layer: nn.Module) -> Tensor:
    """The weight that the quantizer of a convolution or linear layer is given."""
    parametrizations, index = cast(tuple[Any, int], parametrizations_of(Matrix("", layer, "weight")))
    if index == 0:
        return cast(Tensor, parametrizations.original)
    originals = [value for name, value in parametrizations.named_parameters() if name.startswith("original")]
    weight: Tensor = parametrizations[0](*originals)
    for step in list(parametrizations)[1:index]:
        weight = step(weight)
    return weight


def parametrizations_of(matrix: Matrix) -> tuple[Any, int] | None:
    """The parametrizations of quantized weights, and which of them is their quantizer; None if none is."""
    if not matrix.is_parametrized:
        return None
    parametrizations = cast(Mapping[str, Any], matrix.module.parametrizations)[matrix.tensor]
    found = [index for index, each in enumerate(parametrizations) if _QUANTIZES in each.__dict__]
    return (parametrizations, found[-1]) if found else None


def feeding_quantizers(model: nn.Module, input_shape: Sequence[int]) -> dict[str, nn.Module]:
    """Spiking layer of `model` -> the quantizer of the weights that feed it (`feeding`), where there is one."""
    offered, neurons = quantizers(model), spiking_layers(model)
    order = running_order({**weight_layers(model), **neurons}, lambda: run_once(model, input_shape))
    return {name: offered[layer] for name, layer in feeding(order, neurons).items() if layer in offered}


def bake(model: nn.Module) -> None:
    """Replace every parametrized weight by its quantized value, in place; the quantizers are gone."""
    for matrix in matrices(model).values():
        if parametrizations_of(matrix):
            drop_parametrizations(matrix)


def drop_parametrizations(matrix: Matrix) -> None:
    """Leave the weights as their parametrizations give them; copies of the layer keep their own."""
    shared = type(matrix.module)  # by all deep copies, and PyTorch would take the weight from the class
    matrix.module.__class__ = type(shared.__name__, shared.__bases__, dict(vars(shared)))
    parametrize.remove_parametrizations(matrix.module, matrix.tensor)


def _check_weight(matrix: Matrix) -> None:
    if matrix.tensor not in matrix.module._parameters and not matrix.is_parametrized:
        raise OptionError(
            f"the weight of layer {matrix.layer!r} is computed by a hook (torch.nn.utils.weight_norm or spectral_norm) "
            "and cannot be quantized; use torch.nn.utils.parametrizations"
        )


def _channels(model: nn.Module, layers: Mapping[str, nn.Module], input_shape: Sequence[int]) -> dict[str, int]:
    found: dict[str, int] = {}

    def note(name: str, inputs: Any, spikes: Tensor) -> None:
        found[name] = spikes.shape[2]

    with told_of_calls(layers, note):
        run_once(model, input_shape)
    return found
