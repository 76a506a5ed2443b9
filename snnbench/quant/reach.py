"""Which spiking layers quantization can reach: those behind a quantized weight or with a quantized membrane."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from snnbench.nn.hooks import told_of_calls
from snnbench.nn.neurons import SpikingNeuron
from snnbench.nn.recording import spiking_layers
from snnbench.nn.synapses import matrices
from snnbench.quant.order import zeros_for


@torch.enable_grad()
def reached_layers(model: nn.Module, quantized: Collection[str], input_shape: Sequence[int]) -> tuple[str, ...]:
    """Spiking layers of `model` that fire otherwise if the `quantized` weights (`matrices`) change, in network order.

    Found by the gradient, which takes every way that a change does: of all parameters only theirs require one, and a
    spiking layer is reached if what comes in does too. Behind a neuron without a surrogate gradient every layer that
    runs later is taken to be reached.
    """
    layers, found = spiking_layers(model), set[str]()
    gradients = {parameter: parameter.requires_grad for parameter in model.parameters()}
    known = matrices(model)
    chosen = {parameter for name in quantized for parameter in known[name].module.parameters()}
    lost = False

    def look(name: str, inputs: tuple[Any, ...], spikes: Tensor) -> None:
        nonlocal lost
        module, behind = layers[name], lost or inputs[0].requires_grad
        if behind or (isinstance(module, SpikingNeuron) and module.state_quantizer is not None):
            found.add(name)
        lost |= behind and not spikes.requires_grad

    training = model.training
    try:
        for parameter in gradients:
            parameter.requires_grad_(parameter in chosen)
        with told_of_calls(layers, look):
            model.eval()(zeros_for(model, (1, *input_shape)))
    finally:
        model.train(training)
        for parameter, required in gradients.items():
            parameter.requires_grad_(required)
    return tuple(name for name in layers if name in found)
