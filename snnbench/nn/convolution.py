"""The networks' convolutions: PyTorch's, but for bfloat16 on processors where PyTorch has no fast kernels for it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor, nn

Convolve = Callable[[nn.Module, Tensor, Tensor], Tensor]
"""(convolution, images, its weight) -> its output."""
Gradients = tuple[Tensor | None, Tensor | None, Tensor | None]
"""Of a convolution's input, weight and bias."""


def is_plain_convolution(conv: nn.Module) -> bool:
    """Whether `conv` does what `nn.Conv2d` does with its weight, which may be parametrised (quantized)."""
    return isinstance(conv, nn.Conv2d) and type(conv).forward is nn.Conv2d.forward and conv.padding_mode == "zeros"


def convolve_plainly(conv: nn.Module, x: Tensor, weight: Tensor) -> Tensor:
    """``conv(x)`` of a plain convolution, with its weight read before."""
    y: Tensor = cast(nn.Conv2d, conv)._conv_forward(x, weight, cast(Tensor | None, conv.bias))
    return y


def convolve(conv: nn.Module, x: Tensor) -> Tensor:
    """``conv(x)``; bfloat16 autocast runs as `convolve_weight` says where nobody watches."""
    if rounds_to_bfloat16() and is_plain_convolution(conv) and not (conv._forward_hooks or conv._forward_pre_hooks):
        return convolve_weight(conv, x, cast(Tensor, conv.weight))
    y: Tensor = conv(x)
    return y


def convolve_weight(conv: nn.Module, x: Tensor, weight: Tensor) -> Tensor:
    """`convolve_plainly`; bfloat16 autocast runs in float32 between bfloat16 inputs and outputs where that is faster.

    Processors without AVX-512 run PyTorch's bfloat16 convolutions by a plain loop, more than ten times as slow as
    float32. Inputs, weights, outputs and gradients are rounded as autocast rounds them, and sums are float32 in both:
    the results differ in the order of the sums alone.
    """
    if not rounds_to_bfloat16():
        return convolve_plainly(conv, x, weight)
    bias = cast(Tensor | None, conv.bias)
    with torch.autocast("cpu", enabled=False):
        bias = None if bias is None else bias.bfloat16().float()
        run = cast(nn.Conv2d, conv)._conv_forward
        y: Tensor = run(x.bfloat16().float(), weight.bfloat16().float(), bias).bfloat16()
    return y


def gradients_plainly(
    conv: nn.Conv2d, gradient: Tensor, x: Tensor, weight: Tensor, wanted: Sequence[bool]
) -> Gradients:
    """Those of the convolution's input `x`, weight and bias that are `wanted`, from the `gradient` of its output."""
    shape = (conv.stride, conv.padding, conv.dilation, False, (0, 0), conv.groups)
    sizes = None if conv.bias is None else conv.bias.shape
    found: Gradients = torch.ops.aten.convolution_backward(
        gradient, x.to(gradient.dtype), weight.to(gradient.dtype), sizes, *shape, wanted
    )
    return found


@functools.cache
def has_fast_bfloat16() -> bool:
    """Whether PyTorch runs bfloat16 convolutions by oneDNN here; the operator that tells is no public API."""
    try:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    except AttributeError:
        return True


def rounds_to_bfloat16() -> bool:
    """Whether convolutions run in float32 here between bfloat16 inputs and outputs."""
    wanted = torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.bfloat16
    return wanted and not has_fast_bfloat16()
