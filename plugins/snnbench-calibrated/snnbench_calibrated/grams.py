"""What a layer's inputs have to say about errors of its weights, as one matrix."""

from __future__ import annotations

import torch
from torch import Tensor

from snnbench.quant.calibration import LayerInputs


def gram(inputs: LayerInputs, tau: float | None = None) -> Tensor:
    """X'X / rows (fan_in, fan_in), float64, over all inputs: the mean squared output error of a change d is ``d G d'``.

    With `tau` the rows are what a leaky neuron makes of them, so that the error is that of the membrane potential:
    a potential without resets is linear in the inputs, ``V[t] = (1 - 1/tau) V[t-1] + W x[t] / tau = W X[t]``.
    """
    fan_in = inputs.weight[0].numel()
    total, count = torch.zeros(fan_in, fan_in, dtype=torch.float64), 0
    for rows in inputs.columns():
        seen = (leaky(rows, inputs.timesteps, tau) if tau else rows).flatten(0, 1)
        total += (seen.T @ seen).double().cpu()
        count += len(seen)
    return (total / count).to(inputs.weight.device)


def leaky(rows: Tensor, timesteps: int, tau: float) -> Tensor:
    """``X[t] = (1 - 1/tau) X[t-1] + x[t] / tau`` of inputs (T * N, positions, fan_in), step by step."""
    steps = rows.view(timesteps, -1, *rows.shape[1:])
    filtered = [steps[0] / tau]
    for step in steps[1:]:
        filtered.append((1 - 1 / tau) * filtered[-1] + step / tau)
    return torch.cat(filtered)
