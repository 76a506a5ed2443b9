"""How a tensor lies in memory: what reads every value need not copy it into another layout."""

from __future__ import annotations

from torch import Tensor


def memory_order(values: Tensor) -> tuple[int, ...]:
    """Dimensions of `values` (N, ...): the first as it is, the others from the largest stride to the smallest."""
    return 0, *sorted(range(1, values.ndim), key=values.stride, reverse=True)


def as_it_lies(values: Tensor) -> Tensor:
    """`values` (N, ...) as a view in `memory_order`: of channels-last memory, the channels come last."""
    return values.permute(*memory_order(values)) if values.ndim else values
