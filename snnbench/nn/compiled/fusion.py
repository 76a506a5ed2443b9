"""What the compiled kernels of neurons take: tensors as pointers, constants and shapes as structures."""

from __future__ import annotations

import ctypes
import math
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from snnbench.nn.compiled.counter import SpikeCounter
from snnbench.nn.neurons import IFNeuron, LIFNeuron, PLIFNeuron, Site, SpikingNeuron
from snnbench.nn.rectifier import Rectifier, firing_range
from snnbench.nn.rounding import RoundingGrid

_TYPES = {torch.float32: 0, torch.bfloat16: 1, torch.float64: 2}
_RATE = 5
_SITES: dict[Site, int] = {"pre_spike": 1, "post_reset": 2}
_FLOAT = RoundingGrid(0.0, 0.0, 0.0, 0.0)


class _Shape(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int64) for name in ("T", "N", "positions", "C", "shared", "constant")]


class _Neuron(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_double)
        for name in ("theta", "v_reset", "k", "alpha", "start", "by_theta", *RoundingGrid._fields)
    ] + [(name, ctypes.c_int64) for name in ("charge", "soft", "detach", "levels", "site")]


@dataclass
class Fusion:
    """What a call needs besides tensors: the neuron, the batch norm before it, T, and who counts its spikes.

    With `shared` the current (N, C, *positions) is the same at every step, else it is (T, N, C, *positions).
    With `averaged` its gradient is averaged over time. `states` (N, C, *positions), channels-last, are the potentials
    that the steps begin with and are left with; without them, a neuron begins where it always does. With a `grid`,
    potentials in units of theta are rounded to it at the neuron's site, in float32; the gradient is 1 inside its bounds
    and 0 outside.
    """

    neuron: SpikingNeuron | Rectifier
    bn: nn.BatchNorm2d | None
    timesteps: int
    shared: bool
    counter: SpikeCounter | None = None
    averaged: bool = False
    states: Tensor | None = None
    grid: RoundingGrid | None = None
    constants: _Neuron = field(init=False)
    scale: Tensor = field(init=False)
    mean: Tensor = field(init=False)
    invstd: Tensor = field(init=False)

    @property
    def quantizes(self) -> bool:
        """Whether the kernel rounds potentials."""
        return bool(self.constants.site)

    def shape_of(self, x: Tensor, constant: bool = False) -> _Shape:
        """The current's shape as the kernels want it, and whether the gradient is the same at every step."""
        samples = len(x) if self.shared else len(x) // self.timesteps
        return _Shape(self.timesteps, samples, positions_of(x), x.shape[1], self.shared, constant)

    def __post_init__(self) -> None:
        self.constants = _constants(self.neuron, self.grid)


def _constants(neuron: SpikingNeuron | Rectifier, grid: RoundingGrid | None) -> _Neuron:
    if isinstance(neuron, Rectifier):
        silent, saturated = map(number, firing_range(neuron.neuron))
        line = (silent, 0.0, 1 / (saturated - silent), 0.0, 0.0, 0.0)
        return _Neuron(*line, *_FLOAT, _RATE, False, False, neuron.levels, 0)
    k, charge = _charge(neuron)
    theta, by_theta = number(neuron.threshold), neuron.v_init or 0.0
    start = neuron.v_reset if neuron.v_init is None else neuron.v_init * theta
    numbers = (theta, neuron.v_reset, k, neuron.alpha, start, by_theta, *(grid or _FLOAT))
    site = _SITES[neuron.site] if grid else 0
    return _Neuron(*numbers, charge, neuron.reset == "soft", neuron.detach_reset, 0, site)


def number(learned: float | Tensor) -> float:
    """A constant of a neuron, as it is now where it is learned."""
    return float(learned.detach()) if isinstance(learned, Tensor) else learned


def _charge(neuron: SpikingNeuron) -> tuple[float, int]:
    if isinstance(neuron, LIFNeuron):
        return neuron.tau, 1 if neuron.decay_input else 2
    if isinstance(neuron, PLIFNeuron):
        return float(neuron.w.detach().sigmoid()), 3 if neuron.decay_input else 4
    assert isinstance(neuron, IFNeuron)
    return 1.0, 0


def channels_last(x: Tensor) -> Tensor:
    """`x` with its channels (dimension 1) innermost in memory."""
    return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x.contiguous()


def positions_of(x: Tensor) -> int:
    """Positions of a channel of `x` (rows, C, *positions)."""
    return math.prod(x.shape[2:])


def type_of(x: Tensor) -> ctypes.c_int64:
    """The number that kernels know the dtype of `x` by."""
    return ctypes.c_int64(_TYPES[x.dtype])


def pointer(x: Tensor | None) -> ctypes.c_void_p:
    """Where the numbers of `x` begin; null for None."""
    return ctypes.c_void_p(None if x is None else x.data_ptr())


def threads() -> ctypes.c_int64:
    """How many threads a kernel may take."""
    return ctypes.c_int64(torch.get_num_threads())
