"""Calibration: showing each quantizer the inputs of its layer, layer by layer, in streaming form."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from snnbench.errors import OptionError
from snnbench.nn.hooks import before
from snnbench.nn.recording import spiking_layers
from snnbench.nn.synapses import weight_layers
from snnbench.nn.walk import evaluating, first_tensor, timesteps_of
from snnbench.quant.apply import quantizers, unquantized_weight
from snnbench.quant.contract import Calibrated
from snnbench.quant.order import feeding, running_order


class _Reached(Exception):
    """The forward pass has come to the layer; what lies behind it need not run."""


@dataclass(frozen=True)
class LayerInputs:
    """The inputs of one layer on the calibration images, a batch at a time, as often as they are iterated over.

    Each iteration runs the network again up to the layer, the layers before it quantized; nothing is kept, so that
    memory does not grow with the number of images.

    All that a quantizer gets are tensors, copies and a function: nothing that it does to them reaches the network.

    Attributes:
        layer: a copy of the convolution or linear layer, in full precision.
        weight: its full-precision weight.
        neuron: a copy of the spiking layer that runs right after it, or None.
        timesteps: T; the first dimension of an input is T times the batch, step by step (`step, sample` order).
        run: gives the batches of inputs anew each time it is called.
    """

    layer: nn.Module
    weight: Tensor
    neuron: nn.Module | None
    timesteps: int
    run: Callable[[], Iterator[Tensor]]

    def __iter__(self) -> Iterator[Tensor]:
        """Batches of inputs: (T * N, C, H, W) of a convolution, (T * N, features) of a linear layer.

        Those of several calls in one forward pass (a step at a time, or twice) follow each other. Where the network
        computes once what is the same at every step, it is repeated T times.
        """
        return self.run()

    def columns(self) -> Iterator[Tensor]:
        """Batches (T * N, positions, fan_in): each row is what one output of the layer multiplies with its weights.

        Raises:
            OptionError: for a transposed, grouped, 1-d or 3-d convolution.
        """
        return (columns(self.layer, inputs) for inputs in self)


def layer_inputs(
    model: nn.Module, layer: nn.Module, timesteps: int, calls: int, batches: Iterable[Tensor]
) -> Iterator[Tensor]:
    """What `layer`, which `model` runs `calls` times a forward pass, sees of each of `batches`; see `LayerInputs`."""
    for images in batches:
        seen = _seen(model, layer, (timesteps, len(images)), calls, images)
        if not seen:
            continue
        rows = torch.cat(seen)
        once = calls == 1 and len(rows) == len(images)
        yield rows.repeat(timesteps, *[1] * (rows.ndim - 1)) if once else rows


def _seen(
    model: nn.Module, layer: nn.Module, steps_and_samples: tuple[int, int], calls: int, images: Tensor
) -> list[Tensor]:
    seen: list[Tensor] = []

    def reach(inputs: tuple[Any, ...], keywords: Mapping[str, Any]) -> None:
        if (given := first_tensor((inputs, keywords))) is not None:
            seen.append(rows_of(layer, given.detach(), steps_and_samples))
        if len(seen) == calls:
            raise _Reached

    handle = before(layer, reach)
    try:
        with torch.no_grad():
            model(images)
    except _Reached:
        pass
    finally:
        handle.remove()
    return seen


def rows_of(layer: Any, inputs: Tensor, steps_and_samples: tuple[int, int]) -> Tensor:
    """Inputs of one call as rows, (rows, C, H, W) or (rows, ..., features), with steps (T, N, ...) in one dimension."""
    depth = 1 if isinstance(layer, nn.Linear) else len(layer.kernel_size) + 1
    if inputs.ndim <= depth:
        return inputs.unsqueeze(0)
    if depth > 1:
        return inputs.flatten(0, -depth - 1)
    return inputs.flatten(0, 1) if inputs.ndim > 2 and inputs.shape[:2] == steps_and_samples else inputs


def columns(layer: nn.Module, inputs: Tensor) -> Tensor:
    """Inputs of `layer` as rows (N, positions, fan_in), so that its output is ``rows @ weight.flatten(1).T``.

    Raises:
        OptionError: for a transposed, grouped, 1-d or 3-d convolution.
    """
    if isinstance(layer, nn.Linear):
        return inputs.reshape(len(inputs), -1, inputs.shape[-1])
    if not isinstance(layer, nn.Conv2d) or layer.groups != 1:
        raise OptionError(f"calibration by columns knows linear layers and plain 2-d convolutions, not {layer}")
    mode = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
    padded = F.pad(inputs, layer._reversed_padding_repeated_twice, mode)
    return F.unfold(padded, layer.kernel_size, layer.dilation, 0, layer.stride).transpose(1, 2)


def calibrate(model: nn.Module, batches: Iterable[Tensor], form: nn.Module | None = None) -> tuple[str, ...]:
    """Call ``calibrate(inputs)`` of each weight quantizer that offers it; gives the layers' names, in that order.

    The layers come in the order in which they run; one that never runs has no inputs and is left out. The network runs
    in evaluation mode; then every module is in the mode again that it was in.

    Args:
        model: a network with quantized weights.
        batches: normalised images (N, C, H, W), which can be iterated over more than once.
        form: runs in the place of `model` for the inputs: a form that shares its layers of weights.

    Raises:
        OptionError: if there is no batch.
    """
    runs = model if form is None else form
    layers, neurons, running = weight_layers(model), spiking_layers(model), weight_layers(runs)
    timesteps = timesteps_of(model) or 1
    made = quantizers(model).items()
    offering: dict[str, Any] = {name: each for name, each in made if name in layers and isinstance(each, Calibrated)}
    first = next(iter(batches), None)
    if first is None:
        raise OptionError("there is no batch to calibrate on")
    with evaluating(model), evaluating(runs):
        calls = running_order({**layers, **neurons}, lambda: model(first))
        fed = {layer: neurons[name] for name, layer in feeding(calls, neurons).items()}
        order = tuple(name for name in calls if name in offering)
        for name in order:
            run = partial(layer_inputs, runs, running[name], timesteps, calls[name], batches)
            layer, neuron = _plain_copy(layers[name]), copy.deepcopy(fed.get(name))
            offering[name].calibrate(LayerInputs(layer, cast(Tensor, layer.weight).detach(), neuron, timesteps, run))
    return order


def _plain_copy(layer: nn.Module) -> nn.Module:
    """A copy of a quantized layer without its quantizer and its hooks."""
    kind: type[nn.Module] = parametrize.type_before_parametrizations(layer)
    twin = kind.__new__(kind)
    nn.Module.__init__(twin)
    own = vars(layer).keys() - vars(nn.Module()).keys()
    vars(twin).update({name: copy.deepcopy(vars(layer)[name]) for name in own})
    for name, parameter in (("weight", unquantized_weight(layer)), *layer.named_parameters(recurse=False)):
        twin.register_parameter(name, nn.Parameter(parameter.detach().clone(), requires_grad=False))
    if "bias" not in twin._parameters:
        twin.register_parameter("bias", None)
    return twin
