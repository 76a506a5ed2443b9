"""What a layer's inputs have to say about errors of its weights, as one matrix."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from snnbench.errors import OptionError
from snnbench.nn import IFNeuron, LIFNeuron, PLIFNeuron
from snnbench.quant.calibration import LayerInputs, columns

_CHUNK = 1 << 20  # numbers of columns that the processor's cache holds


def gram(inputs: LayerInputs, decay: float = 0.0) -> Tensor:
    """``(MX)'MX / rows`` (fan_in, fan_in), float64, over all inputs X (T, fan_in); M[t, s] = decay^(t - s), s <= t.

    With decay 0, M is the identity and the mean squared output error of a change d is ``d G d'``. Else that is the
    error of potentials that keep `decay` of themselves from step to step, up to a constant factor: without resets
    they are linear in the inputs.
    """
    fan_in = inputs.weight[0].numel()
    total, count = torch.zeros(fan_in, fan_in, dtype=torch.float64), 0
    for batch in inputs:
        seen, within = filtered(batch, inputs.timesteps, decay), batch.new_zeros(fan_in, fan_in)
        for part in seen.split(max(1, _CHUNK // (fan_in * positions(inputs.layer, seen)))):
            rows = columns(inputs.layer, part).flatten(0, 1)
            within.addmm_(rows.T, rows)
            count += len(rows)
        total += within.double().cpu()
    return (total / count).to(inputs.weight.device)


def positions(layer: nn.Module, inputs: Tensor) -> int:
    """How many outputs of one channel `layer` gives for each of `inputs`."""
    return columns(layer, inputs[:1]).shape[1]


def filtered(inputs: Tensor, timesteps: int, decay: float) -> Tensor:
    """``X[t] = decay X[t-1] + x[t]`` of inputs (T * N, ...), step by step."""
    if decay == 0:
        return inputs
    steps = list(inputs.view(timesteps, -1, *inputs.shape[1:]))
    for t in range(1, timesteps):
        steps[t] = decay * steps[t - 1] + steps[t]
    return torch.cat(steps)


def decay_of(neuron: nn.Module | None) -> float:
    """What a neuron keeps of its potential from step to step: 1 of IF, 1 - 1/tau of LIF and PLIF, 0 of none.

    Raises:
        OptionError: for a neuron whose leak is not known.
    """
    if neuron is None:
        return 0.0
    if isinstance(neuron, IFNeuron):
        return 1.0
    if isinstance(neuron, LIFNeuron):
        return 1 - 1 / neuron.tau
    if isinstance(neuron, PLIFNeuron):
        return 1 - float(neuron.w.detach().sigmoid())
    raise OptionError(f"sbc does not know the leak of {type(neuron).__name__}; give it as --option tau=...")
