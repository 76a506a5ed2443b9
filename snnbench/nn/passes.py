"""Watching the forward passes of a model: when one begins, what its layers do in it, and whether it came to its end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, Self

import torch
from torch import nn

from snnbench.nn.hooks import after, before
from snnbench.nn.walk import uncompiled, unwrapped


class PassRecorder(ABC):
    """Base of what records a model's forward passes while it is entered.

    What a layer did counts when the pass ends: a pass that raised leaves nothing behind. Calls of layers outside of a
    pass (gradient checkpoints, that run a block again) and of copies that were made while recording are not counted.
    What `torch.compile` made runs without its compiled code in the meantime, which would run no hooks.
    """

    def __init__(self, model: nn.Module, layers: Mapping[str, nn.Module]) -> None:
        self._model, self._watched = unwrapped(model), dict(layers)
        self._entire = model
        self._running, self._exit = False, ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(uncompiled(self._entire))
            stack.callback(before(self._model, self._start).remove)
            for name, module in self._watched.items():
                stack.callback(self._watch(name, module).remove)
            stack.callback(after(self._model, self._finish).remove)
            self._exit = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._exit.close()
        self._drop_unfinished()

    @abstractmethod
    def _watch(self, name: str, module: nn.Module) -> torch.utils.hooks.RemovableHandle:
        """Register the hook of a layer; by `snnbench.nn.hooks`."""

    def _begin(self, inputs: tuple[Any, ...], keywords: Mapping[str, Any]) -> None:  # noqa: B027 - may be left out
        """A pass begins with these arguments."""

    @abstractmethod
    def _commit(self) -> None:
        """The pass has come to its end: what its layers did counts."""

    @abstractmethod
    def _discard(self) -> None:
        """The pass raised: what its layers did does not count."""

    def _drop_unfinished(self) -> None:
        if self._running:
            self._running = False
            self._discard()

    def _start(self, inputs: tuple[Any, ...], keywords: Mapping[str, Any]) -> None:
        self._drop_unfinished()
        self._running = True
        self._begin(inputs, keywords)

    def _finish(self, inputs: tuple[Any, ...], keywords: Mapping[str, Any], output: Any) -> None:
        with torch.inference_mode(False), torch.no_grad():  # what is kept outlives the mode of this pass
            self._commit()
        self._running = False
