"""Walking a model: its modules by name whatever wraps it, its inputs however they are passed, its modes kept."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Protocol, cast, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn.parallel import DataParallel, DistributedDataParallel

from snnbench.errors import FiringError

_WRAPPERS = (DataParallel, DistributedDataParallel)


@runtime_checkable
class Timed(Protocol):
    """A model that runs all its time steps in one call, and says how many.

    Attributes:
        timesteps: T, at least 1. Training sets it where a stage of the recipe has another T; a model whose T is fixed
            may refuse by an `AttributeError`.
    """

    timesteps: int


def timesteps_of(model: nn.Module) -> int | None:
    """T of a `Timed` model; None for any other."""
    inside = unwrapped(model)
    return inside.timesteps if isinstance(inside, Timed) else None


def named_modules(model: nn.Module) -> dict[str, nn.Module]:
    """Every module of `model` once, by the qualified name that it has without `torch.compile` and data parallelism."""
    modules = dict(model.named_modules())
    wrappers = {name for name, module in modules.items() if _inside(module) is not None}
    return {_without(wrappers, name): module for name, module in modules.items() if name not in wrappers}


def unwrapped(model: nn.Module) -> nn.Module:
    """The network inside `torch.compile` and data parallelism, whose call every call of the wrapper ends in."""
    while (inside := _inside(model)) is not None:
        model = inside
    return model


def first_tensor(inputs: object) -> Tensor | None:
    """The first tensor among arguments, in whatever tuples, lists and dicts they are; None if there is none."""
    if isinstance(inputs, Tensor):
        return inputs
    values = inputs.values() if isinstance(inputs, Mapping) else inputs if isinstance(inputs, tuple | list) else ()
    return next((found for each in values if (found := first_tensor(each)) is not None), None)


def several(layers: Sequence[str]) -> Sequence[str]:
    """The names of layers that somebody gave.

    Raises:
        FiringError: if they are one name alone, whose letters would pass for names, or none.
    """
    if isinstance(layers, str):
        raise FiringError(f"layers={layers!r} is one name; a list of it is [{layers!r}]")
    if not layers:
        raise FiringError(f"layers={layers!r} names no layer; leave it out for all spiking layers that are known")
    return layers


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Run the block in evaluation mode; every module then is in the mode again that it was in."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


@contextmanager
def uncompiled(model: nn.Module) -> Iterator[None]:
    """Run the block without the code that `torch.compile` made of `model` or a part of it: that would run no hooks."""
    with torch.compiler.set_stance("force_eager") if has_compiled(model) else nullcontext():
        yield


def has_compiled(model: nn.Module) -> bool:
    """Whether `torch.compile` made `model` or a part of it."""
    return any(is_compiled(module) for module in model.modules())


def is_compiled(module: nn.Module) -> bool:
    """Whether `module` is what `torch.compile` made of another."""
    return "_orig_mod" in module._modules


def _inside(module: nn.Module) -> nn.Module | None:
    if is_compiled(module):
        return module._modules["_orig_mod"]
    return cast(nn.Module, module.module) if isinstance(module, _WRAPPERS) else None


def _without(wrappers: Collection[str], name: str) -> str:
    """`name` without the parts that wrappers give what is inside them."""
    if not wrappers:
        return name
    parts = name.split(".")
    return ".".join(part for depth, part in enumerate(parts) if ".".join(parts[:depth]) not in wrappers)
