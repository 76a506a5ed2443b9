"""Gradients averaged over time: the backward pass of a convolution runs once for all time steps.

Rate-based backpropagation (Yu et al. 2024, arXiv 2410.11488) in its mildest form: only convolutions are averaged;
neurons and batch norms are differentiated step by step. A gradient that is the same at every step is an expanded
tensor: its stride over steps is 0, and nothing is computed or stored twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from snnbench.nn.convolution import (
    Convolve,
    Gradients,
    convolve_plainly,
    gradients_plainly,
    has_fast_bfloat16,
    is_plain_convolution,
)

_averaged: ContextVar[bool] = ContextVar("averaged", default=False)


def over_time(x: Tensor) -> Tensor:
    """Mean over steps of `x` (T, N, C, H, W), in channels-last memory; of an expanded tensor without computing it."""
    rows = x.movedim(2, -1)
    mean = rows[0] if x.stride(0) == 0 else rows.flatten(1).mean(0).view(rows.shape[1:])
    return mean.movedim(-1, 1).contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True)
class Passes:
    """What computes a convolution with averaged gradients, each as its default does."""

    run: Convolve = convolve_plainly
    mean: Callable[[Tensor], Tensor] = over_time
    gradients: Callable[[nn.Conv2d, Tensor, Tensor, Tensor, Sequence[bool]], Gradients] = gradients_plainly


_PLAIN = Passes()


@contextmanager
def averaged_gradients(enabled: bool = True) -> Iterator[None]:
    """Forward passes inside build a graph whose convolutions average their inputs and gradients over time steps.

    A network's outputs do not change. Its gradients are those of backpropagation through time where the inputs or the
    gradients of each convolution are the same at every step, and an approximation of them elsewhere. It is for the
    SEW-ResNets of snnbench; convolutions that have hooks are left as they are. Through a quantizer the gradient goes on
    as it does without averaging.
    """
    token = _averaged.set(enabled)
    try:
        yield
    finally:
        _averaged.reset(token)


def averages(conv: nn.Module) -> bool:
    """Whether the backward pass of `conv` is to be averaged: not if it is no plain convolution, or is watched."""
    watched = conv._forward_hooks or conv._forward_pre_hooks or conv._backward_hooks or conv._backward_pre_hooks
    return _averaged.get() and torch.is_grad_enabled() and is_plain_convolution(conv) and not watched


def convolve_averaged(conv: nn.Module, x: Tensor, passes: Passes = _PLAIN) -> Tensor:
    """The convolution of every step of `x` (T, N, C, H, W), with one backward pass for the means over steps."""
    y: Tensor = _AveragedConvolution.apply(x, conv.weight, conv.bias, conv, passes)  # type: ignore[no-untyped-call]
    return y


def fork(x: Tensor) -> tuple[Tensor, Tensor]:
    """`x` (T, N, ...) for two branches. The sum of two gradients that are the same at every step is stored once."""
    if not (_averaged.get() and x.requires_grad):
        return x, x
    views: tuple[Tensor, Tensor] = _Fork.apply(x)  # type: ignore[no-untyped-call]
    return views


def constant_gradient(x: Tensor) -> Tensor:
    """`x` (T, N, ...), whose gradient is known to be the same at every step and from here on stored once."""
    y: Tensor = _Constant.apply(x) if _averaged.get() and x.requires_grad else x  # type: ignore[no-untyped-call]
    return y


class _Fork(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        return x.view_as(x), x.view_as(x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        first, second = grads
        if first.stride(0) or second.stride(0):
            return first + second
        return (first[0] + second[0]).expand_as(first)


class _Constant(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        return grads[0][0].expand_as(grads[0])


class _AveragedConvolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, conv: nn.Conv2d, passes: Passes) -> Tensor:
        y = passes.run(conv, x.flatten(0, 1), weight)
        ctx.save_for_backward(passes.mean(x), weight)
        ctx.conv, ctx.passes, ctx.timesteps = conv, passes, len(x)
        return y.view(*x.shape[:2], *y.shape[1:])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        gradient = ctx.passes.mean(grads[0]).to(x.dtype if has_fast_bfloat16() else weight.dtype)
        dx, dw, db = ctx.passes.gradients(ctx.conv, gradient, x, weight, ctx.needs_input_grad[:3])
        along = None if dx is None else dx.to(x.dtype).expand(ctx.timesteps, *dx.shape)
        learned = (None if part is None else part.to(weight.dtype).mul_(ctx.timesteps) for part in (dw, db))
        return along, *learned, None, None
