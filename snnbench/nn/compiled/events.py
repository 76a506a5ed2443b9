"""Convolutions that skip inputs that are zero, as most spikes are, where the sums are PyTorch's to the bit."""

from __future__ import annotations

import ctypes
import functools
from typing import Any, TypeGuard

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from snnbench.nn.compiled.build import kernels
from snnbench.nn.compiled.fusion import channels_last, type_of
from snnbench.nn.compiled.gradients import LearnedConvolution
from snnbench.nn.compiled.zeros import BLOCK, events_among, may_skip
from snnbench.nn.convolution import convolve_weight, is_plain_convolution, rounds_to_bfloat16

_MOST_EVENTS = 0.3
Geometry = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...], bool]
"""(shape of the input, of the weight, stride, padding, whether there is a bias)."""


class EventConv(nn.Conv2d):
    """Another class for a convolution: it skips zeros, forward and backward, and its output is channels-last.

    It is made by `of`, and has all that it consists of in common with the convolution: parameters, quantizers, hooks,
    mode, and what is put on either of them later.
    """

    @classmethod
    def of(cls, conv: nn.Conv2d) -> EventConv:
        """The form of `conv`."""
        form = cls.__new__(cls)
        object.__setattr__(form, "__dict__", vars(conv))
        return form

    def __getattr__(self, name: str) -> Any:
        quantized = vars(self)["_modules"].get("parametrizations", {})
        return quantized[name]() if name in quantized else super().__getattr__(name)

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:  # noqa: A002 - PyTorch's
        if not (_is_known(input, weight) and may_skip(self, weight)):
            y: Tensor = super()._conv_forward(input, weight, bias)
        elif torch.is_grad_enabled() and (input.requires_grad or weight.requires_grad):
            y = LearnedConvolution.apply(input, weight, bias, self, self.without_zeros)  # type: ignore[no-untyped-call]
        else:
            y = self.without_zeros(input, weight, bias)
        return y

    def without_zeros(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The convolution of `x` with `weight`, without the zeros of `x` where that `skips` them."""
        x = channels_last(x)
        if self.skips(x, weight, bias):
            return convolve_events(x, weight, bias, self.stride, self.padding)  # type: ignore[arg-type]
        y: Tensor = super()._conv_forward(x, weight, bias)
        return y

    def skips(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> bool:
        """Whether the convolution of `x` with `weight` is faster without the zeros of `x`, and the same to the bit."""
        if not may_skip(self, weight) or events_among(x) > _MOST_EVENTS or not weight.isfinite().all():
            return False
        geometry: Any = (tuple(x.shape), tuple(weight.shape), self.stride, self.padding, bias is not None)
        return sums_agree(geometry, torch.get_num_threads())


def convolve_rounded(conv: nn.Module, x: Tensor, weight: Tensor) -> Tensor:
    """`convolve_weight` without gradient, to the bit; where zeros are skipped, without float32 copies of `x`."""
    if isinstance(conv, EventConv) and conv.bias is None and rounds_to_bfloat16():
        images, taps = channels_last(x.bfloat16()), weight.bfloat16().float()
        with torch.autocast("cpu", enabled=False):  # or the sums that are tried would be rounded
            if conv.skips(images, taps, None):
                return convolve_events(images, taps, None, conv.stride, conv.padding)  # type: ignore[arg-type]
    return convolve_weight(conv, x, weight)


def is_plain(module: nn.Module) -> TypeGuard[nn.Conv2d]:
    """Whether `module` runs PyTorch's own code with its weight, which may be quantized."""
    kind: Any = type(module)
    return is_plain_convolution(module) and kind._conv_forward is nn.Conv2d._conv_forward


def convolve_events(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: tuple[int, int], padding: tuple[int, int]
) -> Tensor:
    """The convolution of `x` (N, C, H, W), channels-last, with finite float32 weights (out, C, kh, kw).

    A bfloat16 `x` gives float32 sums, rounded once to bfloat16; it comes without a bias.
    """
    (n, channels, *size), (out, _, *kernel) = x.shape, weight.shape
    rest = -out % BLOCK
    taps = F.pad(weight, (0, 0) * 3 + (0, rest)).permute(2, 3, 1, 0).contiguous()
    height, width = ((s + 2 * p - k) // step + 1 for s, p, k, step in zip(size, padding, kernel, stride, strict=True))
    y = torch.empty(n, out, height, width, dtype=x.dtype, memory_format=torch.channels_last)
    window = (ctypes.c_int64 * 12)(*size, channels, height, width, out + rest, *kernel, *stride, *padding)
    pointers = (ctypes.c_void_p(tensor.data_ptr()) for tensor in (x, taps, y))
    sizes = map(ctypes.c_int64, (n, out))
    threads = ctypes.c_int64(torch.get_num_threads())
    kernels().snn_convolve_events(type_of(x), *pointers, *sizes, ctypes.byref(window), threads)
    return y if bias is None else y.add_(bias.view(1, -1, 1, 1))


@functools.cache
def sums_agree(geometry: Geometry, threads: int) -> bool:
    """Whether PyTorch adds up in the order of `convolve_events` here: no document says so, so it is tried."""
    shape, kernel, stride, padding, biased = geometry
    generator = torch.Generator().manual_seed(0)
    x = channels_last((torch.rand(shape, generator=generator) < _MOST_EVENTS).float())
    weight = torch.randn(kernel, generator=generator)
    bias = torch.randn(kernel[0], generator=generator) if biased else None
    return torch.equal(convolve_events(x, weight, bias, stride, padding), F.conv2d(x, weight, bias, stride, padding))  # type: ignore[arg-type]


def _is_known(x: Tensor, weight: Tensor) -> bool:
    known = x.dtype == weight.dtype == torch.float32 and x.device.type == "cpu" and x.ndim == 4
    return known and not torch.is_autocast_enabled("cpu")
