"""Being told of the calls of modules: the hooks of everything here that watches and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import nn
from torch.utils.hooks import RemovableHandle

Inputs = tuple[Any, ...]
Keywords = Mapping[str, Any]


def before(module: nn.Module, run: Callable[[Inputs, Keywords], None]) -> RemovableHandle:
    """Call ``run(inputs, keywords)`` before each call of `module`, and of no copy, until the handle is removed."""
    return module.register_forward_pre_hook(_only(module, run), with_kwargs=True)


def after(module: nn.Module, run: Callable[[Inputs, Keywords, Any], None]) -> RemovableHandle:
    """The same after each call: ``run(inputs, keywords, output)``."""
    return module.register_forward_hook(_only(module, run), with_kwargs=True)


@contextmanager
def told_of_calls(
    modules: Mapping[str, nn.Module], note: Callable[[str, Inputs, Any], None], *, first: bool = False
) -> Iterator[None]:
    """While entered, every call of `modules` calls ``note(name, inputs, output)``.

    Args:
        modules: what is watched, by the name that `note` gets.
        note: it changes nothing; `inputs` are those by position.
        first: call it before the module runs, with None for an output: of nested modules the outer comes first.
    """
    with ExitStack() as stack:
        for name, module in modules.items():
            run = _named(name, note)
            handle = before(module, run) if first else after(module, run)
            stack.callback(handle.remove)
        yield


def _named(name: str, note: Callable[[str, Inputs, Any], None]) -> Callable[..., None]:
    def run(inputs: Inputs, keywords: Keywords, output: Any = None) -> None:
        note(name, inputs, output)

    return run


def _only(module: nn.Module, run: Callable[..., None]) -> Callable[..., None]:
    """A hook that runs for `module` alone: a deep copy has its hooks, too."""

    def hook(called: nn.Module, *arguments: Any) -> None:
        if called is module:
            run(*arguments)

    return hook
