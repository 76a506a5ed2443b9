"""The integer form of a quantized network: int8 convolutions where weights are a scale times small whole numbers."""

from __future__ import annotations

from typing import TypeVar, cast

import numpy as np
import torch
from torch import Tensor, nn

from snnbench.nn.compiled.integer import IntegerConv, has_integer_convolutions
from snnbench.nn.compiled.optimize import FusedConvBNNeuron, FusedNeuron, fuse, optimize
from snnbench.nn.compiled.pattern import PatternTrace, found_in
from snnbench.nn.sew_resnet import DirectlyEncoded
from snnbench.quant.coding import common_unit

M = TypeVar("M", bound=nn.Module)


def integer_form(model: M) -> M:
    """The fast form of `model` (see `snnbench.nn.optimize`) for evaluation, in integers where that is possible.

    A convolution that is known to see spikes, or sums of spikes, runs in int8 if its weights are of the form of
    `whole_numbers` and this PyTorch carries the kernels; any other runs in float32. It is known of the networks of
    this project, and of others whose forward can be traced. Weights are read once, now.

    Raises:
        OptionError: if the compiled engine cannot be built.
    """
    if not isinstance(model, DirectlyEncoded):
        return fuse(model, _of_spikes(model))
    fast = optimize(model)  # its neurons feed convolutions and a head that take bytes
    for layer in fast.modules():
        if isinstance(layer, FusedConvBNNeuron) and (conv := _integer(layer.conv)):
            layer.conv = conv
        if isinstance(layer, FusedNeuron):
            layer.as_bytes = True
    return fast


def integer_layers(model: nn.Module) -> tuple[str, ...]:
    """Names of the convolutions of `model` that run in integers."""
    return tuple(name for name, module in model.named_modules() if isinstance(module, IntegerConv))


def _of_spikes(model: nn.Module) -> dict[nn.Module, nn.Module]:
    """The convolutions of `model` that can run in integers, and what stands in for each."""
    names = found_in(model, PatternTrace.of_spikes)
    convs = [cast(nn.Conv2d, module) for name, module in model.named_modules() if name in names]
    return {conv: own.train(conv.training) for conv in convs if (own := _integer(conv, of_spikes=True))}


def _integer(conv: nn.Conv2d, of_spikes: bool = False) -> IntegerConv | None:
    plain = conv.groups == 1 and conv.padding_mode == "zeros" and not isinstance(conv.padding, str)
    if not plain or not has_integer_convolutions():
        return None
    weight = conv.weight.detach()
    found = whole_numbers(weight) if weight.dtype == torch.float32 and weight.device.type == "cpu" else None
    return IntegerConv(conv, *found, of_spikes) if found else None


def whole_numbers(weight: Tensor) -> tuple[Tensor, Tensor, bool] | None:
    """A quantized weight (out, ...) as ``scale * (codes + half / 2)``.

    Returns:
        int8 codes of its shape, float32 scales (out,), and whether halves are added; None if it is not of that form.
    """
    rows = weight.reshape(len(weight), -1).double().numpy()
    books = [np.unique(rows.astype(np.float32))]
    units = [common_unit(book) for book in books]
    if units[0] is None:
        units = [common_unit(np.unique(row.astype(np.float32))) for row in rows]
    if any(unit is None for unit in units):
        return None
    scale = np.broadcast_to(np.array([unit[0] for unit in units if unit]), (len(rows),))
    multiples = np.rint(rows / scale[:, None]).astype(np.int64)
    half = bool(np.abs(multiples).max() > 127)
    if half and not (multiples % 2).all():
        return None
    codes = (multiples - 1) // 2 if half else multiples
    scales = torch.from_numpy((scale * (2 if half else 1)).astype(np.float32))
    return torch.from_numpy(codes.astype(np.int8)).view(weight.shape), scales, half
