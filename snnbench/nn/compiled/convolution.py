"""The networks' convolutions: PyTorch's, but for bfloat16 on processors where PyTorch has no fast kernels for it."""

from __future__ import annotations

import functools

import torch
from torch import Tensor, nn


def convolve(conv: nn.Module, x: Tensor) -> Tensor:
    """``conv(x)``; bfloat16 autocast runs in float32 between bfloat16 inputs and outputs where that is the faster way.

    Processors without AVX-512 run PyTorch's bfloat16 convolutions by a plain loop, more than ten times as slow as
    float32. Inputs, weights, outputs and gradients are rounded as autocast rounds them, and sums are float32 in both:
    the results differ in the order of the sums alone.
    """
    if type(conv) is not nn.Conv2d or _watched(conv) or not _wants_bfloat16() or has_fast_bfloat16():
        y: Tensor = conv(x)
        return y
    with torch.autocast("cpu", enabled=False):
        weight, bias = (None if p is None else p.bfloat16().float() for p in (conv.weight, conv.bias))
        assert weight is not None
        rounded: Tensor = conv._conv_forward(x.bfloat16().float(), weight, bias)
        return rounded.bfloat16()


@functools.cache
def has_fast_bfloat16() -> bool:
    """Whether PyTorch runs bfloat16 convolutions by oneDNN here; the operator that tells is no public API."""
    try:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    except AttributeError:
        return True


def _wants_bfloat16() -> bool:
    return torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.bfloat16


def _watched(conv: nn.Module) -> bool:
    return bool(conv._forward_hooks or conv._forward_pre_hooks)
