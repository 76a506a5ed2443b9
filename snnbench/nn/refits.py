"""Telling quantizers that refit themselves when a training forward of the network begins and ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import nn


def observe_forwards(model: nn.Module) -> None:
    """Call ``start_forward()`` and ``finish_forward()`` of every module that has them, around training forwards.

    Reading a weight is no forward. A form of `model` that shares its quantizers is observed by itself.
    """
    if _start not in model._forward_pre_hooks.values():
        model.register_forward_pre_hook(_start)
        model.register_forward_hook(_finish)


def _learners(model: nn.Module) -> Iterator[Any]:
    return (module for module in model.modules() if hasattr(module, "finish_forward"))


def _start(model: nn.Module, inputs: Any) -> None:
    if model.training:
        for quantizer in _learners(model):
            quantizer.start_forward()


def _finish(model: nn.Module, inputs: Any, output: Any) -> None:
    if model.training:
        for quantizer in _learners(model):
            quantizer.finish_forward()
