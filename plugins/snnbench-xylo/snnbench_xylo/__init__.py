"""SynSense Xylo for snnbench: rockpool's rounding of weights, and the chip Xylo Audio 2."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from snnbench import hookimpl
from snnbench.quant import straight_through

_LEAST = 1e-8
Bits = Annotated[int, Field(ge=2, le=8)]


class Rounded(nn.Module):
    """Whole numbers up to ``2**(bits - 1) - 1``, scaled by the largest weight of all or of each channel."""

    def __init__(self, bits: int, per_channel: bool) -> None:
        super().__init__()
        self.most, self.per_channel = 2 ** (bits - 1) - 1, per_channel

    def forward(self, w: Tensor) -> Tensor:
        """The quantized weight; its gradient is the identity."""
        dims = tuple(range(1 if self.per_channel else 0, w.ndim))
        step = w.detach().abs().amax(dims, keepdim=True).clamp(min=_LEAST) / self.most
        return straight_through((w / step).round() * step, w)


def xylo_global(tensor: Tensor, *, bits: Bits) -> nn.Module:
    """Weights as rockpool's ``global_quantize`` rounds them: one scale for the layer."""
    return Rounded(bits, per_channel=False)


def xylo_channel(tensor: Tensor, *, bits: Bits) -> nn.Module:
    """Weights as rockpool's ``channel_quantize`` rounds them: one scale for the weights of each neuron."""
    return Rounded(bits, per_channel=True)


@hookimpl
def snnbench_quantizers() -> dict[str, Callable[..., nn.Module]]:
    """``xylo-global`` and ``xylo-channel``."""
    return {"xylo-global": xylo_global, "xylo-channel": xylo_channel}


@hookimpl
def snnbench_chips() -> dict[str, Path]:
    """``xylo-audio2``."""
    return {"xylo-audio2": Path(__file__).with_name("xylo-audio2.toml")}
