"""The firing distance as a loss: fine-tuning is told to keep the reference's firing rates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from snnbench.functional import firing_emd
from snnbench.nn.recording import spiking_layers
from snnbench.training.trainer import Trainer, set_timesteps


class BatchRates:
    """Firing rates of each neuron over the last batch, layer -> (*features), with the spikes' surrogate gradient."""

    def __init__(self, model: nn.Module) -> None:
        self.rates: dict[str, Tensor] = {}
        self.handles = [
            module.register_forward_hook(self._note(name)) for name, module in spiking_layers(model).items()
        ]

    def _note(self, name: str) -> Callable[[nn.Module, Any, Tensor], None]:
        def note(module: nn.Module, inputs: Any, spikes: Tensor) -> None:
            self.rates[name] = spikes.float().mean((0, 1))

        return note


@contextmanager
def keeping_rates(trainer: Trainer, reference: nn.Module, strength: float) -> Iterator[None]:
    """While entered, add ``strength * firing_emd`` between the network and `reference` to the loss of `trainer`.

    Both see the same augmented batch, in as many steps; the reference is in evaluation mode and gives the target.
    """
    model, images = trainer.model, list[Tensor]()
    mine, theirs = BatchRates(model), BatchRates(reference.eval())

    def keep(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        images[:] = [inputs[0]]

    def extra_loss() -> Tensor:
        set_timesteps(reference, getattr(model, "timesteps", trainer.stages[0].timesteps))
        with torch.no_grad():
            reference(images[0])
        return strength * firing_emd(mine.rates, theirs.rates)

    handles: list[RemovableHandle] = [*mine.handles, *theirs.handles, model.register_forward_pre_hook(keep)]
    trainer.extra_loss = extra_loss
    try:
        yield
    finally:
        trainer.extra_loss = None
        for handle in handles:
            handle.remove()
