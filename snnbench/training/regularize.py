"""The firing distance as a loss: fine-tuning is told to keep the reference's firing rates."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from snnbench.functional import firing_emd
from snnbench.nn.hooks import told_of_calls
from snnbench.nn.recording import spiking_layers
from snnbench.nn.walk import timesteps_of
from snnbench.training.trainer import Trainer, set_timesteps


@contextmanager
def batch_rates(model: nn.Module) -> Iterator[dict[str, Tensor]]:
    """Firing rates of each neuron over the last batch, layer -> (*features), with the spikes' surrogate gradient."""
    rates: dict[str, Tensor] = {}

    def note(name: str, inputs: Any, spikes: Tensor) -> None:
        rates[name] = spikes.float().mean((0, 1))

    with told_of_calls(spiking_layers(model), note):
        yield rates


@contextmanager
def keeping_rates(trainer: Trainer, reference: nn.Module, strength: float) -> Iterator[None]:
    """While entered, add ``strength * firing_emd`` between the network and `reference` to the loss of `trainer`.

    Both see the same augmented batch, in as many steps; the reference is in evaluation mode and gives the target.
    """
    model, images = trainer.model, list[Tensor]()

    def keep(name: str, inputs: tuple[Tensor, ...], output: None) -> None:
        images[:] = [inputs[0]]

    def extra_loss() -> Tensor:
        set_timesteps(reference, timesteps_of(model) or trainer.stages[0].timesteps)
        with torch.no_grad():
            reference(images[0])
        return strength * firing_emd(mine, theirs)

    trainer.extra_loss = extra_loss
    try:
        with (
            batch_rates(model) as mine,
            batch_rates(reference.to(trainer.device).eval()) as theirs,
            told_of_calls({"": model}, keep, first=True),
        ):
            yield
    finally:
        trainer.extra_loss = None
