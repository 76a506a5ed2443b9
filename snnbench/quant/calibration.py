"""Calibration: showing each quantizer the inputs of its layer, layer by layer, in streaming form."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from snnbench.errors import OptionError
from snnbench.nn.recording import spiking_layers
from snnbench.nn.synapses import weight_layers
from snnbench.quant.apply import quantizers
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

        Where the network computes once what is the same at every step, it is repeated T times.
        """
        return self.run()

    def columns(self) -> Iterator[Tensor]:
        """Batches (T * N, positions, fan_in): each row is what one output of the layer multiplies with its weights.

        Raises:
            OptionError: for a transposed, grouped, 1-d or 3-d convolution.
        """
        return (columns(self.layer, inputs) for inputs in self)


def layer_inputs(model: nn.Module, layer: nn.Module, timesteps: int, batches: Iterable[Tensor]) -> Iterator[Tensor]:
    """What `layer` sees of each of `batches`; see `LayerInputs`."""
    seen: list[Tensor] = []

    def reach(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        seen.append(inputs[0].detach())
        raise _Reached

    for images in batches:
        handle = layer.register_forward_pre_hook(reach)
        try:
            with torch.no_grad():
                model(images)
        except _Reached:
            pass
        finally:
            handle.remove()
        once = seen.pop()
        yield once.repeat(timesteps, *[1] * (once.ndim - 1)) if len(once) == len(images) else once


def columns(layer: nn.Module, inputs: Tensor) -> Tensor:
    """Inputs of `layer` as rows (N, positions, fan_in), so that its output is ``rows @ weight.flatten(1).T``.

    Raises:
        OptionError: for a transposed, grouped, 1-d or 3-d convolution.
    """
    if isinstance(layer, nn.Linear):
        return inputs.reshape(len(inputs), -1, inputs.shape[-1])
    if not isinstance(layer, nn.Conv2d) or layer.groups != 1 or isinstance(layer.padding, str):
        raise OptionError(f"calibration by columns knows linear layers and plain 2-d convolutions, not {layer}")
    geometry: Any = (layer.kernel_size, layer.dilation, layer.padding, layer.stride)
    return F.unfold(inputs, *geometry).transpose(1, 2)


def calibrate(model: nn.Module, batches: Iterable[Tensor]) -> tuple[str, ...]:
    """Call ``calibrate(inputs)`` of each weight quantizer that offers it; gives the layers' names, in that order.

    The layers come in the order in which they run; one that never runs has no inputs and is left out. The network runs
    in evaluation mode and is left in the mode that it was in.

    Args:
        model: a network with quantized weights.
        batches: normalised images (N, C, H, W), which can be iterated over more than once.
    """
    layers, neurons = weight_layers(model), spiking_layers(model)
    timesteps = cast(int, getattr(model, "timesteps", 1))
    made = quantizers(model).items()
    offering: dict[str, Any] = {name: each for name, each in made if name in layers and hasattr(each, "calibrate")}
    training = model.training
    model.eval()
    try:
        order = running_order({**layers, **neurons}, lambda: model(next(iter(batches))))
        fed = {layer: neurons[name] for name, layer in feeding(order, neurons).items()}
        order = tuple(name for name in order if name in offering)
        for name in order:
            run = partial(layer_inputs, model, layers[name], timesteps, batches)
            layer, neuron = _plain_copy(layers[name]), copy.deepcopy(fed.get(name))
            offering[name].calibrate(LayerInputs(layer, cast(Tensor, layer.weight).detach(), neuron, timesteps, run))
    finally:
        model.train(training)
    return order


def _plain_copy(layer: nn.Module) -> nn.Module:
    """A copy of a quantized layer without its quantizer and its hooks."""
    kind: type[nn.Module] = parametrize.type_before_parametrizations(layer)
    twin = kind.__new__(kind)
    nn.Module.__init__(twin)
    own = vars(layer).keys() - vars(nn.Module()).keys()
    vars(twin).update({name: copy.deepcopy(vars(layer)[name]) for name in own})
    original = cast(Any, layer).parametrizations["weight"].original
    for name, parameter in (("weight", original), *layer.named_parameters(recurse=False)):
        twin.register_parameter(name, nn.Parameter(parameter.detach().clone(), requires_grad=False))
    if "bias" not in twin._parameters:
        twin.register_parameter("bias", None)
    return twin
