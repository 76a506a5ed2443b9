"""What the tensors of a running network hold: sums of layers' outputs, in one step or in all of them.

`FLOWS` has the functions of PyTorch that only sum, select and reshape such outputs. Whatever else a network does
between its layers, a graph of NIR cannot say.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, Literal

import torch
from torch import Tensor

Term = tuple[str, int | None]
"""A layer, and the step whose output is meant; None for every step, be they in one tensor or all the same."""


@dataclass(frozen=True)
class Flow:
    """What one tensor holds.

    Attributes:
        terms: the outputs that are added in it.
        shape: shape of one sample of one step.
        steps: T, where the tensor has a dimension of time.
        order: its leading dimensions, of samples N and of time T; both are one dimension where it is not `split`.
        split: whether they are dimensions of their own.
        over: what became of the steps: their mean, or some multiple of it (a sum).
        factor: what it is multiplied with besides, above 0.
    """

    terms: tuple[Term, ...]
    shape: tuple[int, ...]
    steps: int | None = None
    order: Literal["N", "TN", "NT"] = "N"
    split: bool = True
    over: Literal["", "mean", "sum"] = ""
    factor: float = 1.0

    def dims(self, samples: int) -> tuple[int, ...]:
        """The shape of a tensor that holds it, of so many samples."""
        lead = tuple({"N": samples, "T": self.steps or 1}[letter] for letter in self.order)
        return (*lead, *self.shape) if self.split else (prod(lead), *self.shape)

    @property
    def names(self) -> tuple[str, ...]:
        """The layers."""
        return tuple(name for name, _ in self.terms)

    @property
    def step(self) -> int | None:
        """The step that it is of; None for every step."""
        return max((step for _, step in self.terms if step is not None), default=None)

    def at(self, step: int | None) -> Flow:
        """One step of a tensor of all steps."""
        terms = tuple((name, step) for name, _ in self.terms)
        return replace(self, terms=terms, steps=None, order="N", split=True)


_Found = Flow | None
Arguments = Sequence[Any]
Find = Callable[[Any], Flow | None]


def added(find: Find, arguments: Arguments, output: Tensor) -> _Found:
    """``a + b``: of two values, or of one and zeros."""
    if len(arguments) != 2:
        return None
    values = [find(each) for each in arguments]
    known = [value for value in values if value is not None]
    if len(known) == 1:
        (other,) = (each for each, value in zip(arguments, values, strict=True) if value is None)
        return known[0] if not torch.as_tensor(other).any() else None
    first, second = known
    same = replace(first, terms=()) == replace(second, terms=())
    return replace(first, terms=(*first.terms, *second.terms)) if same else None


def stacked(find: Find, arguments: Arguments, output: Tensor) -> _Found:
    """``torch.stack`` along the first dimension, of one value for each step in turn."""
    if not isinstance(arguments[0], (list, tuple)) or (len(arguments) > 1 and arguments[1] != 0):
        return None
    values = [find(each) for each in arguments[0]]
    return _in_turn([value for value in values if value is not None]) if all(values) else None


def _in_turn(values: list[Flow]) -> _Found:
    first = values[0].at(None)
    for step, value in enumerate(values):
        if value.at(None) != first or value.order != "N" or value.over or value.step not in (None, step):
            return None
    return replace(first, steps=len(values), order="TN")


def joined(find: Find, arguments: Arguments, output: Tensor) -> _Found:
    """``torch.cat`` along time of tensors of one step each."""
    values = [find(each) for each in arguments[0]]
    known = [value for value in values if value is not None and value.steps == 1 and value.order == "TN"]
    if len(known) < len(values) or arguments[1:] not in ([], [0]):
        return None
    return _in_turn([replace(value, steps=None, order="N") for value in known])


def averaged(find: Find, arguments: Arguments, output: Tensor) -> _Found:
    """The mean over time."""
    return _reduced(find, arguments, "mean")


def summed(find: Find, arguments: Arguments, output: Tensor) -> _Found:
    """The sum over time."""
    return _reduced(find, arguments, "sum")


def _reduced(find: Find, arguments: Arguments, over: Literal["mean", "sum"]) -> _Found:
    value = find(arguments[0])
    if value is None or not value.split or len(arguments) < 2 or "T" not in value.order:
        return None
    place = value.order.index("T")
    if arguments[1] not in (place, [place], (place,)):
        return None
    kept: Literal["mean", "sum"] = "mean" if (over, value.over) == ("mean", "") else "sum"
    return replace(value, steps=None, order="N", over=kept)


def multiplied(find: Find, arguments: Arguments, output: Tensor) -> _Found:
    """A value times a number above 0."""
    values = [find(each) for each in arguments]
    others = [each for each, value in zip(arguments, values, strict=True) if value is None]
    known = [value for value in values if value is not None]
    if len(known) != 1 or len(others) != 1 or not isinstance(others[0], (int, float)) or not others[0] > 0:
        return None
    return replace(known[0], over="sum", factor=known[0].factor * others[0])


def divided(find: Find, arguments: Arguments, output: Tensor) -> _Found:
    """A value by a number above 0."""
    value, *by = arguments
    number = len(by) == 1 and isinstance(by[0], (int, float)) and by[0] > 0
    return multiplied(find, [value, 1 / by[0]], output) if number else None


def reshaped(find: Find, arguments: Arguments, output: Tensor) -> _Found:
    """The same numbers in the same order; what `shape` it then has, the caller sees to."""
    value = find(arguments[0])
    if value is None:
        return None
    samples = arguments[0].numel() // (prod(value.shape) * (value.steps or 1))
    for split in (True, False):
        lead = replace(value, shape=(), split=split).dims(samples)
        if tuple(output.shape[: len(lead)]) == lead:
            return replace(value, shape=tuple(output.shape[len(lead) :]), split=split or value.order == "N")
    return None


def unchanged(find: Find, arguments: Arguments, output: Tensor) -> _Found:
    """What gives its input again, such as dropout in evaluation, a copy or another type."""
    given = arguments[0]
    same = given.shape == output.shape and torch.equal(given.double(), output.double())
    return find(given) if same else None


def repeated(find: Find, arguments: Arguments, output: Tensor) -> _Found:
    """The same samples at every step: a new first dimension, which may be of one step."""
    value = find(arguments[0])
    if value is None or value.over or not (value.order == "N" or (value.order, value.steps) == ("TN", 1)):
        return None
    if value.step is not None and len(output) > 1:
        return None
    return replace(value, steps=len(output), order="TN")


def selected(find: Find, arguments: Arguments, output: Tensor) -> _Found:
    """One step."""
    value = find(arguments[0])
    if value is None or not value.split or "T" not in value.order or value.over:
        return None
    index = arguments[1] if isinstance(arguments[1], tuple) else (arguments[1],)
    place = value.order.index("T")
    if len(index) != place + 1 or index[:place] != (slice(None),) * place or not isinstance(index[place], int):
        return None
    return value.at(None if value.names == ("input",) else index[place] % (value.steps or 1))


def swapped(find: Find, arguments: Arguments, output: Tensor) -> _Found:
    """Time and samples, changed about."""
    value = find(arguments[0])
    if value is None or not value.split or "T" not in value.order or sorted(arguments[1:]) != [0, 1]:
        return None
    return replace(value, order="NT" if value.order == "TN" else "TN")


FLOWS: dict[str, Callable[[Find, Arguments, Tensor], _Found]] = {
    **dict.fromkeys(("add", "add_", "__add__", "__radd__", "__iadd__"), added),
    "stack": stacked,
    **dict.fromkeys(("cat", "concat"), joined),
    "mean": averaged,
    "sum": summed,
    **dict.fromkeys(("mul", "__mul__", "__rmul__"), multiplied),
    **dict.fromkeys(("div", "__truediv__", "true_divide"), divided),
    **dict.fromkeys(("flatten", "reshape", "view", "unflatten", "squeeze"), reshaped),
    **dict.fromkeys(("clone", "contiguous", "detach", "dropout", "float", "to"), unchanged),
    **dict.fromkeys(("unsqueeze", "expand", "repeat"), repeated),
    **dict.fromkeys(("__getitem__", "select"), selected),
    **dict.fromkeys(("transpose", "swapaxes"), swapped),
}
