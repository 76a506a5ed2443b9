"""Being told of every call of some modules, for as long as a block lasts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from torch import nn

from snnbench.nn.passes import only


@contextmanager
def told_of_calls(
    modules: Mapping[str, nn.Module], note: Callable[[str, tuple[Any, ...], Any], None], *, before: bool = False
) -> Iterator[None]:
    """While entered, every call of `modules`, but none of a copy of them, calls ``note(name, inputs, output)``.

    Args:
        modules: what is watched, by the name that `note` gets.
        note: it changes nothing; `inputs` are those by position.
        before: call it before the module runs, with None for an output: of nested modules the outer comes first.
    """
    with ExitStack() as stack:
        for name, module in modules.items():
            if before:
                hook = only(module, lambda inputs, name=name: note(name, inputs, None))
                stack.callback(module.register_forward_pre_hook(hook).remove)
            else:
                stack.callback(module.register_forward_hook(only(module, partial(note, name))).remove)
        yield
