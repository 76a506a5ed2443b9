"""Ternary and binary weight quantizers for snnbench: TWN, BitNet b1.58 and XNOR-Net."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from snnbench import hookimpl
from snnbench.quant import straight_through


def per_channel(x: Tensor) -> tuple[int, ...]:
    """The dimensions of one output channel; of a 1-d tensor, its only one."""
    return tuple(range(1, x.ndim)) if x.ndim > 1 else (0,)


class TWN(nn.Module):
    """Ternary weight networks (Li et al. 2016, arXiv 1605.04711)."""

    def forward(self, w: Tensor) -> Tensor:
        """-alpha, 0 or alpha: 0 up to Delta = 0.7 E|w|, alpha the mean magnitude above it; straight-through."""
        size = w.detach().abs()
        above = size > 0.7 * size.mean()
        alpha = (size * above).sum() / above.sum().clamp(min=1)
        return straight_through(w.sign() * above * alpha, w)


class BitNet(nn.Module):
    """BitNet b1.58 (Ma et al. 2024, arXiv 2402.17764)."""

    def forward(self, w: Tensor) -> Tensor:
        """g times round(w / g) clipped to -1, 0 or 1, g = E|w|; straight-through."""
        g = w.detach().abs().mean()
        return straight_through(g * (w / (g + 1e-5)).round().clamp(-1, 1), w)


class XNOR(nn.Module):
    """XNOR-Net weights (Rastegari et al. 2016, arXiv 1603.05279)."""

    def forward(self, w: Tensor) -> Tensor:
        """sign(w) E|w| per output channel, sign(0) = +1; the gradient passes where |w| <= 1."""
        alpha = w.detach().abs().mean(per_channel(w), keepdim=True)
        passed = torch.where(w.abs() <= 1, w, w.detach())
        return straight_through(torch.where(w >= 0, alpha, -alpha), passed)


def twn(tensor: Tensor, *, bits: Literal[2] = 2) -> nn.Module:
    """TWN: three levels -alpha, 0, alpha with a threshold at 0.7 of the mean magnitude, per tensor."""
    return TWN()


def bitnet(tensor: Tensor, *, bits: Literal[2] = 2) -> nn.Module:
    """BitNet b1.58: three levels -g, 0, g with g the mean magnitude, per tensor."""
    return BitNet()


def xnor(tensor: Tensor, *, bits: Literal[1] = 1) -> nn.Module:
    """XNOR-Net: the sign of a weight times the mean magnitude of its output channel."""
    return XNOR()


@hookimpl
def snnbench_quantizers() -> dict[str, Callable[..., nn.Module]]:
    """``twn``, ``bitnet`` and ``xnor``."""
    return {"twn": twn, "bitnet": bitnet, "xnor": xnor}
