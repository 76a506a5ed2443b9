"""A rectifier network of the same parameters as a spiking one: quick to train first, a good start for the spikes."""

from __future__ import annotations

import copy
from typing import TypeVar

from torch import Tensor, nn

from snnbench.nn.neurons import IFNeuron, LIFNeuron, PLIFNeuron, SpikingNeuron

Network = TypeVar("Network", bound=nn.Module)


class Rectifier(nn.Module):
    """In a neuron's place, the firing rate (0 to 1, in spikes per step) that a constant current drives, as a straight
    line: 0 up to the current at which the neuron first fires, 1 from where it fires at every step."""

    def __init__(self, neuron: SpikingNeuron) -> None:
        super().__init__()
        self.neuron = neuron

    def forward(self, x: Tensor) -> Tensor:
        """Rates, of the currents' shape."""
        silent, saturated = firing_range(self.neuron)
        return x.clamp(silent, saturated).sub_(silent).div_(saturated - silent)


def firing_range(neuron: SpikingNeuron) -> tuple[float, float]:
    """The constant current up to which `neuron` stays silent, and the one from which it fires at every step.

    Below the first, the potential settles under the threshold; at the second, one step takes it there from v_reset.
    """
    height = neuron.threshold - neuron.v_reset
    if isinstance(neuron, IFNeuron):
        return 0.0, height
    assert isinstance(neuron, LIFNeuron | PLIFNeuron)
    leak = 1 / neuron.tau if isinstance(neuron, LIFNeuron) else float(neuron.w.detach().sigmoid())
    return (height, height / leak) if neuron.decay_input else (height * leak, height)


def rectified(model: Network) -> Network:
    """A form of `model` with a `Rectifier` in each neuron's place; parameters and buffers are shared.

    Its running statistics are those of `model`, too: train one, then the other. Run it at T = 1: rates do not change.
    """
    form = copy.copy(model)
    form._modules = {name: part and _replaced(part) for name, part in model._modules.items()}
    return form


def _replaced(part: nn.Module) -> nn.Module:
    return Rectifier(part) if isinstance(part, SpikingNeuron) else rectified(part)
