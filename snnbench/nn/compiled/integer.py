"""Convolutions of spikes with whole-number weights in int8, where PyTorch carries oneDNN's kernels for them."""

from __future__ import annotations

import functools
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class IntegerConv(nn.Conv2d):
    """A convolution whose weights are ``scale * (codes + half / 2)``, for uint8 inputs.

    Sums of products are whole numbers and exact; one rounding follows, at the product with the scale.

    Args:
        conv: the convolution to stand in for; without groups, padded with zeros.
        codes: int8 (out, in, kh, kw).
        scale: float32 (out,).
        half: whether 1/2 is added to every code.
        of_spikes: whether inputs in evaluation are known to be whole numbers of a byte, whatever their dtype.
    """

    def __init__(self, conv: nn.Conv2d, codes: Tensor, scale: Tensor, half: bool, of_spikes: bool = False) -> None:
        geometry: Any = (conv.kernel_size, conv.stride, conv.padding, conv.dilation)
        super().__init__(conv.in_channels, conv.out_channels, *geometry)
        self.weight = nn.Parameter((codes + half / 2) * scale.view(-1, 1, 1, 1), requires_grad=False)
        self.bias = conv.bias
        self._scale, self._of_spikes = scale, of_spikes
        self._packed = _pack(codes, scale, self._geometry())
        self._ones = _pack(torch.ones_like(codes[:1]), torch.full((1,), 0.5), self._geometry()) if half else None

    def _geometry(self) -> tuple[list[int], list[int], list[int]]:
        return [*self.stride], [*self.padding], [*self.dilation]

    def forward(self, x: Tensor) -> Tensor:
        """Float32 (N, out, H', W') of `x` (N, in, H, W): bytes in integers, other inputs in float."""
        if x.dtype != torch.uint8 and (self.training or not self._of_spikes):
            return super().forward(x)
        x = x.to(torch.uint8).contiguous(memory_format=torch.channels_last)
        y = _convolve(x, self._packed, self._scale, self._geometry())
        if self._ones is not None:
            halves = _convolve(x, self._ones, torch.full((1,), 0.5), self._geometry())
            y.addcmul_(halves, self._scale.view(1, -1, 1, 1))
        return y if self.bias is None else y + self.bias.view(1, -1, 1, 1)


def _pack(codes: Tensor, scale: Tensor, geometry: tuple[list[int], list[int], list[int]]) -> Tensor:
    codes = codes.contiguous(memory_format=torch.channels_last)
    packed: Tensor = torch.ops.onednn.qconv_prepack(codes, scale, 1.0, 0, *geometry, 1, None)
    return packed


def _convolve(x: Tensor, packed: Tensor, scale: Tensor, geometry: tuple[list[int], list[int], list[int]]) -> Tensor:
    """Not a public operator: this is the one place that calls it."""
    zero = torch.zeros(len(scale), dtype=torch.int8)
    quantization: tuple[Any, ...] = (x, 1.0, 0, packed, scale, zero, None)
    y: Tensor = torch.ops.onednn.qconv_pointwise(*quantization, *geometry, 1, 1.0, 0, torch.float32, "none", [], "")
    return y


@functools.cache
def has_integer_convolutions() -> bool:
    """Whether int8 convolutions with float32 output are there and exact."""
    generator = torch.Generator().manual_seed(0)
    codes = torch.randint(-128, 128, (16, 16, 3, 3), generator=generator, dtype=torch.int8)
    x = torch.randint(0, 4, (2, 16, 8, 8), generator=generator, dtype=torch.uint8)
    conv = nn.Conv2d(16, 16, 3, padding=1, bias=False)
    try:
        found = IntegerConv(conv, codes, torch.ones(16), False)(x)
    except (AttributeError, RuntimeError):
        return False
    return torch.equal(found, F.conv2d(x.float(), codes.float(), padding=1))
