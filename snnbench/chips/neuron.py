"""A layer of integer neurons over time."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from snnbench.chips.arithmetic import NO_LEAK, NO_MEMORY, Leak, fire, fit, follow, integrate
from snnbench.chips.document import ChipReset, Semantics
from snnbench.errors import OptionError


@dataclass(frozen=True)
class Neurons:
    """The constants of a layer: whole numbers, each one for all neurons or a tensor that broadcasts to them.

    Attributes:
        threshold: at least 1.
        reset: one of those that the chip has.
        most: spikes in one step at most.
        bias: added at every step.
        start: the potential before the first step.
        leak: of the membrane.
        current_leak: of the synaptic current, where the chip has one; by default it forgets everything in a step.
    """

    threshold: Tensor | int
    reset: ChipReset = "subtract"
    most: int = 1
    bias: Tensor | int = 0
    start: Tensor | int = 0
    leak: Leak = NO_LEAK
    current_leak: Leak = NO_MEMORY


@dataclass(frozen=True)
class Trace:
    """What a layer did: spikes, potentials after the reset and synaptic currents (T, N, *features), and overflows.

    Attributes:
        overflows: int64 (N,), how many potentials and accumulated sums of a sample did not fit in their bits, over all
            steps and neurons.
    """

    spikes: Tensor
    potentials: Tensor
    currents: Tensor
    overflows: Tensor


def run(events: Tensor, neurons: Neurons, chip: Semantics) -> Trace:
    """The layer's answer to the sums of weights `events` (T, N, *features), int64, that reach each neuron in a step.

    Raises:
        OptionError: if the chip is one of float arithmetic.
    """
    if chip.membrane is None or chip.spike is None:
        raise OptionError(f"chip '{chip.name}' computes in float; integer neurons need one of integer arithmetic")
    v = fit(torch.zeros_like(events[0]) + neurons.start, chip.membrane.bits, chip.membrane.overflow)
    i = torch.zeros_like(v)
    spikes: list[Tensor] = []
    potentials: list[Tensor] = []
    currents: list[Tensor] = []
    overflows = torch.zeros(events.shape[1], dtype=torch.int64)
    for exact in events:
        x = fit(exact, chip.accumulator.bits, chip.accumulator.overflow) if chip.accumulator else exact
        overflows += (x != exact).flatten(1).sum(1)
        i = follow(i, x, neurons.current_leak, chip.current) if chip.current else x
        h, over = integrate(v, i, neurons.bias, neurons.leak, chip.membrane)
        fired, v = fire(h, neurons.threshold, chip.spike, neurons.reset, neurons.most)
        overflows += over.flatten(1).sum(1)
        for steps, value in ((spikes, fired), (potentials, v), (currents, i)):
            steps.append(value)
    return Trace(torch.stack(spikes), torch.stack(potentials), torch.stack(currents), overflows)
