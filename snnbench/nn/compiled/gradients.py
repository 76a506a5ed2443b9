"""Backward passes of convolutions: the gradient of the weights skips inputs that are zero, as most spikes are."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.grad
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from snnbench.nn.compiled.build import kernels
from snnbench.nn.compiled.fusion import channels_last, type_of
from snnbench.nn.compiled.zeros import BLOCK, events_among, may_skip
from snnbench.nn.convolution import Gradients, gradients_plainly

_MOST_EVENTS = 0.4
_Forward = Callable[[Tensor, Tensor, Tensor | None], Tensor]


class LearnedConvolution(torch.autograd.Function):
    """`forward` of (x, weight, bias), and `skipping_gradients` of `conv`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, conv: nn.Conv2d, forward: _Forward) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.conv = conv
        return forward(x, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        return *skipping_gradients(ctx.conv, grads[0], x, weight, ctx.needs_input_grad[:3]), None, None


def skipping_gradients(
    conv: nn.Conv2d, gradient: Tensor, x: Tensor, weight: Tensor, wanted: Sequence[bool]
) -> Gradients:
    """`gradients_plainly`; in float32 that of the weights skips zeros of `x` where that is faster.

    Its sums are float32 in another order.
    """
    found = _skipped(conv, gradient, x, weight) if wanted[1] else None
    if found is None:
        return gradients_plainly(conv, gradient, x, weight, wanted)
    geometry: Any = (conv.stride, conv.padding)
    dx = torch.nn.grad.conv2d_input(x.shape, weight, gradient, *geometry) if wanted[0] else None  # type: ignore[no-untyped-call]
    return dx, found, gradient.sum((0, 2, 3)) if wanted[2] else None


def _skipped(conv: nn.Conv2d, gradient: Tensor, x: Tensor, weight: Tensor) -> Tensor | None:
    known = gradient.dtype == weight.dtype == torch.float32 and x.dtype in (torch.float32, torch.bfloat16)
    if not known or gradient.device.type != "cpu" or len(weight) % BLOCK or not may_skip(conv, weight):
        return None
    return weight_gradient(x, gradient, weight.shape[2:], conv) if events_among(x) <= _MOST_EVENTS else None


def weight_gradient(x: Tensor, gradient: Tensor, kernel: Sequence[int], conv: nn.Conv2d) -> Tensor | None:
    """The gradient (out, C, kh, kw) of the weights of `conv` from the inputs that are not zero.

    Args:
        x: input (N, C, H, W), float32 or bfloat16.
        gradient: of the output (N, out, H', W'), float32; `out` is a multiple of 16.
        kernel: (kh, kw).
        conv: with a stride and a padding, and nothing else out of the ordinary.

    Returns:
        None if the gradient is not finite: what it gives with a zero is not zero then.
    """
    x, gradient = channels_last(x), channels_last(gradient)
    (n, channels, *size), (_, out, *outputs) = x.shape, gradient.shape
    sums = torch.zeros(channels, *kernel, out)
    window = (ctypes.c_int64 * 12)(*size, channels, *outputs, out, *kernel, *conv.stride, *conv.padding)  # type: ignore[misc]
    pointers = (ctypes.c_void_p(tensor.data_ptr()) for tensor in (x, gradient, sums))
    threads = ctypes.c_int64(torch.get_num_threads())
    finite = kernels().snn_weight_gradient(type_of(x), *pointers, ctypes.c_int64(n), ctypes.byref(window), threads)
    return sums.permute(3, 0, 1, 2) if finite else None
