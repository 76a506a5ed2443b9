"""A rectifier network of the same parameters as a spiking one: quick to train first, a good start for the spikes."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from snnbench.nn.neurons import IFNeuron, LIFNeuron, PLIFNeuron, SpikingNeuron

Network = TypeVar("Network", bound=nn.Module)
FLAT = 0.2


class _Line(torch.autograd.Function):
    """0 to 1 as a straight line between two currents; outside, the surrogate gradient is `FLAT` of the slope there."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, silent: float, saturated: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.ends = silent, saturated
        return x.clamp(silent, saturated).sub_(silent).div_(saturated - silent)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (x,), (silent, saturated) = ctx.saved_tensors, ctx.ends
        rising = (x >= silent) & (x <= saturated)
        return torch.where(rising, grads[0], grads[0] * FLAT) / (saturated - silent), None, None


class Rectifier(nn.Module):
    """In a neuron's place, the firing rate (0 to 1, in spikes per step) that a constant current drives, as a straight
    line: 0 up to the current at which the neuron first fires, 1 from where it fires at every step.

    Where it is flat its gradient is a surrogate, `FLAT` of the slope between: units that are out of range find back.
    """

    def __init__(self, neuron: SpikingNeuron) -> None:
        super().__init__()
        self.neuron = neuron

    def forward(self, x: Tensor) -> Tensor:
        """Rates, of the currents' shape."""
        return _Line.apply(x, *firing_range(self.neuron))  # type: ignore[no-any-return, no-untyped-call]


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
