"""Batch norm and multi-step neuron as one differentiable function over channels-last memory."""

from __future__ import annotations

import ctypes
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from snnbench.nn.averaged import over_time
from snnbench.nn.compiled.build import kernels, neuron_kernels
from snnbench.nn.compiled.fusion import Fusion, channels_last, number, pointer, positions_of, threads, type_of
from snnbench.nn.rectifier import Rectifier


class FusedSpikes(torch.autograd.Function):
    """Spikes (T, N, C, *positions) of currents before batch norm; gradients by recomputing the potentials.

    Rates instead of spikes where the fusion has a `Rectifier` in the neuron's place. If the fusion is averaged, a
    gradient that is expanded over steps gives one that is.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        leak: Tensor | None,
        theta: Tensor | None,
        fusion: Fusion,
    ) -> Tensor:
        """See `Fusion`; `weight` and `bias` are the batch norm's, `leak` the 1/tau of a PLIF neuron, `theta` a learned
        threshold."""
        x = channels_last(x if fusion.shared else x.flatten(0, 1))
        shift = _normalise(x, weight, bias, fusion)
        fires = rectify if isinstance(fusion.neuron, Rectifier) else fire
        spikes = fires(x, fusion.scale, shift, fusion)
        ctx.save_for_backward(x, shift)
        ctx.fusion, ctx.batch = fusion, _uses_batch(fusion.bn)
        return by_step(spikes, fusion.timesteps)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of x, weight, bias, leak and threshold."""
        x, shift = ctx.saved_tensors
        fusion: Fusion = ctx.fusion
        constant = grads[0].stride(0) == 0 and (fusion.averaged or fusion.shared)
        steps = fusion.timesteps if constant and not fusion.shared else 1
        gradient = channels_last((grads[0][0] if constant else grads[0].flatten(0, 1)).to(x.dtype))
        dy, inputs, to_bias, to_product, leak, theta = _through_neuron(x, gradient, shift, fusion, constant, steps)
        to_weight = to_product * fusion.invstd.double()
        dx = _through_norm(dy, inputs, to_bias, to_weight, fusion, ctx.batch, steps)
        learned = (part.to(fusion.scale.dtype) for part in (to_weight, to_bias, leak, theta))
        needed = zip(learned, ctx.needs_input_grad[1:5], strict=True)
        return _per_step(dx, fusion, steps), *(part if wanted else None for part, wanted in needed), None


def fire(x: Tensor, scale: Tensor, shift: Tensor, fusion: Fusion, dtype: torch.dtype | None = None) -> Tensor:
    """Spikes of ``x * scale + shift``, counted by the fusion's counter if there is one."""
    shape, counter = fusion.shape_of(x), fusion.counter
    features = x.shape[1:]
    layout = torch.channels_last if x.ndim == 4 else torch.contiguous_format
    spikes = torch.empty(shape.T * shape.N, *features, dtype=dtype or x.dtype, memory_format=layout)
    counts = counter.add(features, shape.T, shape.N) if counter else (None, None, 1, 0)
    neuron_kernels(fusion.quantizes).snn_fire(
        *(type_of(x), 3 if dtype is torch.uint8 else type_of(x), *map(pointer, (x, spikes, scale, shift))),
        *(ctypes.byref(shape), ctypes.byref(fusion.constants), *map(pointer, (fusion.states, *counts[:2]))),
        *(ctypes.c_int64(counts[2]), ctypes.c_int64(counts[3]), threads()),
    )
    return spikes


def rectify(x: Tensor, scale: Tensor, shift: Tensor, fusion: Fusion) -> Tensor:
    """Rates of the fusion's rectifier for ``x * scale + shift``."""
    rates, shape = torch.empty_like(x), fusion.shape_of(x)
    structures = (ctypes.byref(shape), ctypes.byref(fusion.constants))
    kernels().snn_rectify(type_of(x), *map(pointer, (x, rates, scale, shift)), *structures, threads())
    return rates


@torch.no_grad()
def fire_without_gradient(
    x: Tensor, weight: Tensor | None, bias: Tensor | None, fusion: Fusion, dtype: torch.dtype | None = None
) -> Tensor:
    """The spikes of `FusedSpikes`, in the dtype of `x`, or as uint8 of float32 currents."""
    x = channels_last(x)
    shift = _normalise(x, weight, bias, fusion)
    return fire(x, fusion.scale, shift, fusion, dtype)


def reached(x: Tensor, fan_out: Tensor) -> Tensor | None:
    """Synapses that rows of float32 `x` (rows, C, *positions) reach; `fan_out` (C, *positions) is the same for all C.

    Returns:
        int64 (2, rows): through inputs that are not zero, and with an input of k counted k times; None where an input
        is not a whole number of at least 0.
    """
    x = channels_last(x)
    counts = torch.empty(2, len(x), dtype=torch.int64)
    fan = fan_out[0].contiguous()
    sizes = map(ctypes.c_int64, (len(x), fan.numel(), x.shape[1]))
    whole = kernels().snn_reach_rows(pointer(x), pointer(fan), *sizes, *map(pointer, counts), threads())
    return counts if whole else None


def mean_over_steps(x: Tensor) -> Tensor:
    """`over_time` of `x` (T, N, C, H, W), to the bit; in bfloat16 in one pass over memory."""
    if x.dtype != torch.bfloat16 or x.stride(0) == 0 or not x.numel():
        return over_time(x)
    rows = channels_last(x.flatten(0, 1))
    mean = torch.empty_like(rows[: x.shape[1]])
    sizes = map(ctypes.c_int64, (len(x), mean.numel()))
    kernels().snn_mean_steps(pointer(rows), pointer(mean), *sizes, threads())
    return mean


def by_step(x: Tensor, timesteps: int) -> Tensor:
    """`x` (T N, C, *positions), which `channels_last` leaves as it is, as (T, N, C, *positions).

    A `view` would choose a stride of its own for an N of 1, with which PyTorch's batch norm computes wrong gradients.
    """
    rows, features = len(x) // timesteps, x[0].numel()
    return x.as_strided((timesteps, rows, *x.shape[1:]), (rows * features, features, *x.stride()[1:]))


def _uses_batch(bn: nn.BatchNorm2d | None) -> bool:
    return bn is not None and (bn.training or bn.running_mean is None)


def _normalise(x: Tensor, weight: Tensor | None, bias: Tensor | None, fusion: Fusion) -> Tensor:
    """Set scale, mean and inverse deviation of the batch norm; returns its shift. Rounds as PyTorch does."""
    real = torch.float64 if x.dtype == torch.float64 else torch.float32
    bn, channels = fusion.bn, x.shape[1]
    one, none = torch.ones(channels, dtype=real), torch.zeros(channels, dtype=real)
    if bn is None:
        fusion.scale, fusion.mean, fusion.invstd = one, none, one
        return none
    mean, var = _batch_moments(x, bn, real) if _uses_batch(bn) else (bn.running_mean, bn.running_var)
    assert mean is not None
    assert var is not None
    fusion.mean = mean.to(real, copy=True)
    fusion.invstd = torch.rsqrt(var.to(real) + bn.eps)
    fusion.scale = fusion.invstd * (one if weight is None else weight.detach().to(real))
    offset = none if bias is None else bias.detach().to(real)
    return (offset.double() - fusion.mean.double() * fusion.scale.double()).to(real)


def _batch_moments(x: Tensor, bn: nn.BatchNorm2d, real: torch.dtype) -> tuple[Tensor, Tensor]:
    """Mean and biased variance of the batch, which also move the running ones."""
    rows, channels, positions = len(x), x.shape[1], positions_of(x)
    sums = torch.empty(rows, 2, channels, dtype=torch.float64)
    kernels().snn_sum_rows(
        type_of(x), pointer(x), *map(ctypes.c_int64, (rows, positions, channels)), pointer(sums), threads()
    )
    count = rows * positions
    first, second = torch.from_numpy(sums.numpy().sum(0)) / count
    mean = x[0].flatten(1)[:, 0].double() + first
    var = (second - first * first).clamp_(min=0)
    _track(bn, mean, var * (count / max(1, count - 1)))
    return mean.to(real), var.to(real)


def _track(bn: nn.BatchNorm2d, mean: Tensor, var: Tensor) -> None:
    if not (bn.training and bn.track_running_stats):
        return
    if bn.running_mean is None or bn.running_var is None or bn.num_batches_tracked is None:
        return
    bn.num_batches_tracked.add_(1)
    momentum = bn.momentum if bn.momentum is not None else 1 / float(bn.num_batches_tracked)
    bn.running_mean.lerp_(mean.to(bn.running_mean.dtype), momentum)
    bn.running_var.lerp_(var.to(bn.running_var.dtype), momentum)


def _through_neuron(
    x: Tensor, gradient: Tensor, shift: Tensor, fusion: Fusion, constant: bool, summed: int
) -> tuple[Tensor, ...]:
    """Gradients of the current and its input, sums over the gradient and its product with the input, and the gradients
    of leak and threshold.

    The first two are sums over `summed` steps.
    """
    shape = fusion.shape_of(x, constant)
    dy = torch.empty_like(x[: shape.N] if summed > 1 else x)
    inputs = torch.empty_like(dy) if summed > 1 else x
    sums, learned = (torch.empty(shape.N, *size, dtype=torch.float64) for size in ((2, shape.C), (2,)))
    tensors = (x, gradient, dy, inputs, fusion.scale, shift, fusion.mean)
    neuron_kernels(fusion.quantizes).snn_backward(
        *(type_of(x), *map(pointer, tensors), ctypes.byref(shape), ctypes.byref(fusion.constants)),
        *(pointer(sums), pointer(learned), threads()),
    )
    leak, theta = torch.from_numpy(learned.numpy().sum(0))
    if isinstance(fusion.neuron, Rectifier):
        # A rate is a function of the current in units of the threshold's height above v_reset.
        theta = theta / (fusion.neuron.neuron.v_reset - number(fusion.neuron.neuron.threshold))
    return dy, inputs, *torch.from_numpy(sums.numpy().sum(0)), leak, theta


def _per_step(dx: Tensor, fusion: Fusion, summed: int) -> Tensor:
    """A gradient of the input's shape."""
    if summed > 1:
        return dx.div_(summed).expand(summed, *dx.shape)
    return dx if fusion.shared else by_step(dx, fusion.timesteps)


def _through_norm(
    dy: Tensor, x: Tensor, to_bias: Tensor, to_weight: Tensor, fusion: Fusion, batch: bool, summed: int
) -> Tensor:
    """The gradient before the batch norm, in place of `dy`; `dy` and `x` are sums over `summed` steps."""
    if fusion.bn is None:
        return dy
    scale, count = fusion.scale.double(), summed * x.numel() / x.shape[1]
    by_x = -scale * fusion.invstd.double() * to_weight / count if batch else torch.zeros_like(scale)
    rest = summed * (-scale * to_bias / count - by_x * fusion.mean.double()) if batch else torch.zeros_like(scale)
    coefficients = [part.to(fusion.scale.dtype) for part in (scale, by_x, rest)]
    sizes = map(ctypes.c_int64, (len(x), positions_of(x), x.shape[1]))
    kernels().snn_combine_rows(type_of(x), *map(pointer, (dy, x, *coefficients)), *sizes, threads())
    return dy
