"""Brevitas' weight quantizers for snnbench: integers with a scale that is free, a power of two, or has a zero point."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Annotated, Any, Literal

import torch
from brevitas.proxy import WeightQuantProxyFromInjector
from brevitas.quant import fixed_point, scaled_int, shifted_scaled_int
from pydantic import Field
from torch import Tensor, nn

from snnbench import hookimpl
from snnbench.errors import OptionError

Bits = Annotated[int, Field(ge=2, le=8)]
Per = Literal["tensor", "channel"]


class Brevitas(nn.Module):
    """A weight quantizer of Brevitas; of ``(y, scale, zero_point, bits)``, what its core gives, this is y.

    16-bit tensors are quantized in float32, since the least scale of Brevitas, 1e-10, is 0 in float16.
    """

    def __init__(self, tensor: Tensor, bits: int, quantizer: Any) -> None:
        super().__init__()
        if tensor.isnan().any():
            raise OptionError("a membrane is no weight; choose a quantizer of membranes for it")
        weight = _wide(tensor.detach())
        layer = SimpleNamespace(weight=weight, out_channels=len(weight), output_channel_dim=0)
        self.proxy = WeightQuantProxyFromInjector(layer, quantizer.let(bit_width=bits))
        # Brevitas fits what it learns in the first forward, and a state_dict is complete only then.
        with torch.no_grad():
            self(weight)
            for scale in self.parameters():
                _revive(scale, weight)

    def forward(self, w: Tensor) -> Tensor:
        """The quantized tensor, with Brevitas' own gradient."""
        quantized: Tensor = self.proxy.tensor_quant(_wide(w))[0]
        return quantized.to(w.dtype)


class Shifted(Brevitas):
    """A range with a zero point, which always reaches to zero.

    Brevitas widens the range of channels (or a tensor) above zero to it, but clips those below zero: they are
    quantized as their negative.
    """

    def __init__(self, tensor: Tensor, bits: int, quantizer: Any, per: Per) -> None:
        self.per = per
        super().__init__(tensor, bits, quantizer)

    def forward(self, w: Tensor) -> Tensor:
        """The quantized tensor."""
        rows = w.detach().flatten(1) if self.per == "channel" else w.detach().reshape(1, -1)
        sign = torch.where(rows.amax(1) < 0, -1.0, 1.0).to(w.dtype).view(-1, *[1] * (w.ndim - 1))
        return sign * super().forward(sign * w)


def _wide(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor


def _revive(scale: Tensor, weight: Tensor) -> None:
    """Give channels that are zero now, and whose learned scale would stay at the least one, the mean of the others."""
    zero = (weight.flatten(1) == 0).all(1).view(-1, *[1] * (weight.ndim - 1))
    if scale.shape == zero.shape and zero.any():
        scale[zero] = 1.0 if zero.all() else scale[~zero].mean()


def brevitas_int(tensor: Tensor, *, bits: Bits, per: Per = "channel", fit: Literal["max", "mse"] = "max") -> nn.Module:
    """Brevitas' signed integers; the scale is that of the largest weight, or starts at the least error and is learned.

    Per channel and tensor and by fit: ``Int8WeightPerChannelFloat``, ``Int8WeightPerTensorFloat`` and their ``MSE``.
    """
    kinds = {
        ("channel", "max"): scaled_int.Int8WeightPerChannelFloat,
        ("channel", "mse"): scaled_int.Int8WeightPerChannelFloatMSE,
        ("tensor", "max"): scaled_int.Int8WeightPerTensorFloat,
        ("tensor", "mse"): scaled_int.Int8WeightPerTensorFloatMSE,
    }
    return Brevitas(tensor, bits, kinds[_per(tensor, per), fit])


def brevitas_fixed_point(tensor: Tensor, *, bits: Bits, per: Per = "channel") -> nn.Module:
    """Brevitas' fixed point: signed integers, the scale a power of two.

    It is the largest weight divided by 2^(b-1), rounded up; levels reach to 2^(b-1) - 1 times the scale, so that the
    largest weights may be clipped, and at 2 bits always are.

    ``Int8WeightPerChannelFixedPoint`` and ``Int8WeightPerTensorFixedPoint``.
    """
    kinds = {
        "channel": fixed_point.Int8WeightPerChannelFixedPoint,
        "tensor": fixed_point.Int8WeightPerTensorFixedPoint,
    }
    return Brevitas(tensor, bits, kinds[_per(tensor, per)])


def brevitas_shifted(tensor: Tensor, *, bits: Bits, per: Per = "channel") -> nn.Module:
    """Brevitas' unsigned integers with a zero point, from the least to the largest weight, and to zero.

    ``ShiftedUint8WeightPerChannelFloat`` and ``ShiftedUint8WeightPerTensorFloat``.
    """
    kinds = {
        "channel": shifted_scaled_int.ShiftedUint8WeightPerChannelFloat,
        "tensor": shifted_scaled_int.ShiftedUint8WeightPerTensorFloat,
    }
    return Shifted(tensor, bits, kinds[_per(tensor, per)], _per(tensor, per))


def _per(tensor: Tensor, per: Per) -> Per:
    """`per`; a tensor of one dimension has no channels of several weights."""
    return per if tensor.ndim > 1 else "tensor"


@hookimpl
def snnbench_quantizers() -> dict[str, Callable[..., nn.Module]]:
    """``brevitas-int``, ``brevitas-fixed-point`` and ``brevitas-shifted``."""
    return {
        "brevitas-int": brevitas_int,
        "brevitas-fixed-point": brevitas_fixed_point,
        "brevitas-shifted": brevitas_shifted,
    }
