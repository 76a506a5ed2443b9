"""Telling quantizers that refit themselves when a training forward of the network begins and ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

from torch import nn


@runtime_checkable
class Refitting(Protocol):
    """A quantizer that fits itself anew once a training forward of the network, however often its weight is read."""

    def start_forward(self) -> None:
        """A training forward begins: what is quantized from now on counts."""

    def finish_forward(self) -> None:
        """The training forward is over, before its backward pass: refit."""


def observe_forwards(model: nn.Module) -> None:
    """Tell every `Refitting` module of `model` of its training forwards.

    Reading a weight is no forward. A form of `model` that shares its quantizers is observed by itself.
    """
    if _start not in model._forward_pre_hooks.values():
        model.register_forward_pre_hook(_start)
        model.register_forward_hook(_finish)


def _learners(model: nn.Module) -> Iterator[Refitting]:
    return (module for module in model.modules() if isinstance(module, Refitting))


def _start(model: nn.Module, inputs: Any) -> None:
    if model.training:
        for quantizer in _learners(model):
            quantizer.start_forward()


def _finish(model: nn.Module, inputs: Any, output: Any) -> None:
    if model.training:
        for quantizer in _learners(model):
            quantizer.finish_forward()
