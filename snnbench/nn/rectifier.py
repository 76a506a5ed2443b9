"""A network of rates with a spiking one's parameters: quick to train first, a good start for the spikes."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import Tensor, nn

from snnbench.nn.neurons import IFNeuron, LIFNeuron, PLIFNeuron, SpikingNeuron

M = TypeVar("M", bound=nn.Module)


class Rectifier(nn.Module):
    """In a neuron's place, the firing rate (0 to 1, in spikes per step) that a constant current drives: QCFS (Bu et al.
    2022, arXiv 2303.04347).

    A straight line, 0 up to the current at which the neuron first fires and 1 from where it fires at every step, is
    rounded to multiples of 1/L, halves up, with the line's gradient; L is `levels`. An IF neuron with soft reset that
    starts at half its threshold fires at this rate in L steps of a constant current.
    """

    def __init__(self, neuron: SpikingNeuron, levels: int) -> None:
        super().__init__()
        self.neuron, self.levels = neuron, levels

    def forward(self, x: Tensor) -> Tensor:
        """Rates, of the currents' shape."""
        silent, saturated = firing_range(self.neuron)
        line = ((x - silent) / (saturated - silent)).clamp(0, 1)
        with torch.no_grad():
            rounding = (line * self.levels + 0.5).floor() / self.levels - line
        return line + rounding


def firing_range(neuron: SpikingNeuron) -> tuple[float | Tensor, float | Tensor]:
    """The constant current up to which `neuron` stays silent, and the one from which it fires at every step.

    Below the first, the potential settles under the threshold; at the second, one step takes it there from v_reset.
    Tensors where the threshold is learned.
    """
    height = neuron.threshold - neuron.v_reset
    if isinstance(neuron, IFNeuron):
        return 0.0, height
    assert isinstance(neuron, LIFNeuron | PLIFNeuron)
    leak = 1 / neuron.tau if isinstance(neuron, LIFNeuron) else float(neuron.w.detach().sigmoid())
    return (height, height / leak) if neuron.decay_input else (height * leak, height)


def rectified(model: M, levels: int) -> M:
    """A form of `model` with a `Rectifier` of `levels` in each neuron's place; parameters and buffers are shared.

    Its running statistics are those of `model`, too: train one, then the other. Run it at T = 1: rates do not change.
    """
    form = copy.copy(model)
    form._modules = {name: part and _replaced(part, levels) for name, part in model._modules.items()}
    return form


def _replaced(part: nn.Module, levels: int) -> nn.Module:
    return Rectifier(part, levels) if isinstance(part, SpikingNeuron) else rectified(part, levels)
