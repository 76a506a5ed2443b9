"""The quantizers that ship: the paper's two, and none at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from torch import Tensor, nn

from snnbench.builtin.lqnet import lqnet
from snnbench.builtin.uniform import uniform
from snnbench.hookspecs import hookimpl


def float_(tensor: Tensor, *, bits: Literal[32] = 32) -> nn.Module:
    """No quantization: the tensor as it is. The control of quantization-aware training."""
    return nn.Identity()


@hookimpl
def snnbench_quantizers() -> dict[str, Callable[..., nn.Module]]:
    """``float``, ``uniform`` and ``lqnet``."""
    return {"float": float_, "uniform": uniform, "lqnet": lqnet}
