"""Functions of PyTorch that are layers without weights: pooling, and products and differences of spikes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from snnbench.exchange.flows import Arguments, Find, Flow, added
from snnbench.exchange.wiring import SpikeComplement, SpikeProduct


def _max_pool(
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> nn.Module:
    return nn.MaxPool2d(kernel_size, stride or None, padding, dilation, return_indices, ceil_mode)


_POOLS: dict[str, Callable[..., nn.Module]] = {
    "avg_pool2d": nn.AvgPool2d,
    "adaptive_avg_pool2d": nn.AdaptiveAvgPool2d,
    "max_pool2d": _max_pool,
}


def pool_of(function: str, arguments: Arguments, keywords: Mapping[str, Any]) -> nn.Module | None:
    """The layer that a function of that name is; None for other functions."""
    return _POOLS[function](*arguments[1:], **keywords) if function in _POOLS else None


def logic_of(function: str, find: Find, arguments: Arguments, output: Tensor) -> tuple[nn.Module, Flow] | None:
    """The layer that a product of two values, or 1 minus one, is, and what it takes; None for other functions."""
    module: nn.Module | None = None
    if function in ("mul", "__mul__", "__rmul__") and None not in [find(each) for each in arguments]:
        module, taken = SpikeProduct(), added(find, arguments, output)
    elif function in ("rsub", "__rsub__") and arguments[1:] == [1]:
        module, taken = SpikeComplement(), find(arguments[0])
    return None if module is None or taken is None else (module, taken)
