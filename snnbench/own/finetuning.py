"""`snnbench.finetune`: quantization-aware fine-tuning, always with its control."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from snnbench.errors import OptionError
from snnbench.nn.classifier import Loop, as_classifier
from snnbench.nn.libraries import reset_states
from snnbench.own.batches import Batches, pairs
from snnbench.own.networks import check_network

M = TypeVar("M", bound=nn.Module)


@dataclass(frozen=True)
class FineTuned(Generic[M]):
    """Two networks after the same fine-tuning.

    Attributes:
        network: the quantized one.
        control: the same without quantization: what training alone does. Report it beside: `report(..., control=)`.
        losses: mean loss of each epoch, of the quantized network.
        control_losses: the same of the control.
    """

    network: M
    control: M
    losses: tuple[float, ...]
    control_losses: tuple[float, ...]


def finetune(
    quantized: M,
    reference: M,
    batches: Batches,
    *,
    epochs: int = 1,
    learning_rate: float = 0.01,
    momentum: float = 0.9,
    seed: int = 0,
    loss: Callable[[Tensor, Tensor], Tensor] = F.cross_entropy,
    timesteps: int | None = None,
    loop: Loop | None = None,
) -> FineTuned[M]:
    """Train copies of a quantized network and of its reference alike: SGD, the rate lowered linearly by the epoch.

    Quantization-aware training moves the firing even without quantization, so that a quantized network after training
    says little without its control.

    Args:
        quantized: what `snnbench.quantize` made.
        reference: the network in full precision.
        batches: batches of (inputs, labels), run through once an epoch for each network.
        epochs: how often.
        learning_rate: the rate of the first of E epochs; that of the last is an E-th of it.
        momentum: of SGD.
        seed: of everything that draws random numbers while a network trains; the order of `batches` is the loader's
            own, so give its shuffling a generator of its own to show both networks the same.
        loss: of logits `(N, classes)` and labels `(N,)`.
        timesteps: T, if the networks do not run their own steps; see `snnbench.report`.
        loop: a loop over the steps of one's own; see `snnbench.report`.

    Raises:
        OptionError: if the batches have no labels, can be run through once only, or are none, or a network is none.
        FiringError: if outputs are no logits.
    """
    if iter(batches) is batches:
        raise OptionError("fine-tuning runs over its batches more than once; give a list or a loader, no generator")
    if epochs < 1:
        raise OptionError(f"epochs={epochs}: at least 1")
    check_network(quantized, "quantized")
    check_network(reference, "reference")
    tuned, losses = [], []
    for model in (quantized, reference):
        reset_states(model)
        mine = copy.deepcopy(model)
        with torch.random.fork_rng(devices=[]), as_classifier(mine, timesteps, loop):
            torch.manual_seed(seed)
            losses.append(_train(mine, batches, epochs, learning_rate, momentum, loss))
        reset_states(mine)
        tuned.append(mine)
    return FineTuned(tuned[0], tuned[1], losses[0], losses[1])


def _train(
    model: nn.Module,
    batches: Batches,
    epochs: int,
    learning_rate: float,
    momentum: float,
    loss: Callable[[Tensor, Tensor], Tensor],
) -> tuple[float, ...]:
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), learning_rate, momentum, nesterov=momentum > 0)
    means = []
    for epoch in range(epochs):
        done: list[float] = []
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * (1 - epoch / epochs)
        for inputs, labels in pairs(batches, None):
            if labels is None:
                raise OptionError("fine-tuning needs labels: batches of (inputs, labels)")
            optimizer.zero_grad(set_to_none=True)
            value = loss(model(inputs), labels)
            value.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            done.append(float(value.detach()))
        if not done:
            raise OptionError("there was no batch to train on")
        means.append(sum(done) / len(done))
    model.eval()
    return tuple(means)
