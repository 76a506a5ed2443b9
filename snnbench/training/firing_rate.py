"""The mean firing rate as a loss: a baseline is told to fire little."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from snnbench.nn import SpikingNeuron
from snnbench.nn.hooks import told_of_calls
from snnbench.nn.rectifier import Rectifier
from snnbench.training.trainer import Trainer


@contextmanager
def penalising_rates(trainer: Trainer) -> Iterator[None]:
    """While entered, add the recipe's weight of ``firing_rate`` times the mean rate of all neurons to the loss.

    The mean is over neurons, images and steps, in spikes per step; without time it is over the rates. A recipe without
    that weight is left as it is.
    """
    strength = trainer.training.regularize.get("firing_rate")
    if not strength:
        yield
        return
    layers: list[tuple[int, Tensor]] = []

    def note(form: str, inputs: Any, rates: Tensor) -> None:
        if torch.is_grad_enabled():  # what is measured on the way is no part of the loss
            layers.append((math.prod(rates.shape[2:]), rates.mean(dtype=torch.float32)))

    def extra_loss() -> Tensor:
        total = sum((units * rate for units, rate in layers), torch.zeros(()))
        units = sum(units for units, _ in layers)
        layers.clear()
        return strength * total / units

    neurons = [part for form in trainer.forms.values() for part in form.modules() if _fires(part)]
    trainer.extra_loss = extra_loss
    try:
        with told_of_calls({str(index): part for index, part in enumerate(neurons)}, note):
            yield
    finally:
        trainer.extra_loss = None


def _fires(part: nn.Module) -> bool:
    return isinstance(part, SpikingNeuron | Rectifier)
