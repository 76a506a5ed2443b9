"""A network of whole numbers in batches: int8 convolutions where PyTorch carries them, and neurons in C."""

from __future__ import annotations

import ctypes
from functools import reduce
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from snnbench.chips.c_source import batch_files
from snnbench.chips.compiled import CompiledNetwork, c_compiler, load_c
from snnbench.chips.fold import IntegerLayer, Synapses
from snnbench.chips.network import EXACT, IntegerNetwork, reach
from snnbench.errors import OptionError
from snnbench.exchange.wiring import INPUT
from snnbench.nn.compiled.integer import IntegerConv, has_integer_convolutions

CHUNK = 20
"""Images that go through all layers together, so that what flows between them stays in the processor's cache."""


BYTE = 255
"""The largest number that a spike's byte holds."""


class _Constants(ctypes.Structure):
    _fields_: ClassVar[list[tuple[str, Any]]] = [
        *((name, ctypes.c_void_p) for name in ("threshold", "bias", "start", "shift")),
        *((name, ctypes.c_int64) for name in ("images", "positions", "outputs", "shared")),
        *((name, ctypes.c_int32) for name in ("steps", "leak_factor", "leak_bits")),
        *((name, ctypes.c_int32) for name in ("current_factor", "current_bits", "resets_to_zero", "most_spikes")),
    ]


class FastNetwork(IntegerNetwork):
    """The network `put`, the same numbers faster; spikes are uint8.

    Raises:
        OptionError: if there is no C compiler, or it cannot build the neurons, or a sum is no exact float32.
    """

    def __init__(self, put: IntegerNetwork) -> None:
        super().__init__(put.chip, put.layers, put.readout, put.timesteps)
        self._library = load_c(batch_files(put), ("batch.c",))
        self._library.fire_batch.restype = None
        self._sums = {layer.name: _summing(layer, put) for layer in put.layers}
        self._arrays = {layer.name: _arrays(layer) for layer in put.layers}

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, classes) int64 of normalised `images` (N, *shape)."""
        watch, seen = self.watch, dict[str, list[Tensor]]()
        if watch:
            self.watch = lambda name, spikes: seen.setdefault(name, []).append(spikes)
        try:
            logits = [super(FastNetwork, self).forward(chunk) for chunk in torch.split(images, CHUNK)]
        finally:
            self.watch = watch
        for name, parts in seen.items():
            assert watch is not None
            watch(name, _joined(parts))
        return torch.cat(logits)

    def _spikes(self, layer: IntegerLayer, given: dict[str, Tensor]) -> Tensor:
        shared = layer.sources == (INPUT,)
        arriving = [given[source] for source in layer.sources]
        images = arriving[0].shape[0 if shared else 1]
        if shared or _most(layer, self) <= BYTE:
            arriving = [reduce(torch.add, arriving)]
        sums = reduce(torch.add, (self._sums_of(layer, x if shared else x.flatten(0, 1)) for x in arriving))
        spikes = self._fire(layer, sums, images, shared)
        if self.watch:
            self.watch(layer.name, spikes)
        return spikes

    def _sums_of(self, layer: IntegerLayer, x: Tensor) -> Tensor:
        if x.ndim == 4:
            x = x.contiguous(memory_format=torch.channels_last)
        sums: Tensor = self._sums[layer.name](x)
        return sums

    def _fire(self, layer: IntegerLayer, sums: Tensor, images: int, shared: bool) -> Tensor:
        form = torch.channels_last if sums.ndim == 4 else torch.contiguous_format
        sums = sums.contiguous(memory_format=form)
        spikes = torch.empty((self.timesteps * images, *sums.shape[1:]), dtype=torch.uint8, memory_format=form)
        neurons, outputs = layer.neurons, sums.shape[1]
        leaks = (neurons.leak.factor, neurons.leak.bits, neurons.current_leak.factor, neurons.current_leak.bits)
        places = (images, sums[0].numel() // outputs, outputs, int(shared))
        pointers = (array.data_ptr() for array in self._arrays[layer.name])
        constants = _Constants(*pointers, *places, self.timesteps, *leaks, int(neurons.reset == "zero"), neurons.most)
        over = torch.zeros(images, dtype=torch.int64)
        ends = (ctypes.c_void_p(each.data_ptr()) for each in (sums, spikes, over))
        self._library.fire_batch(*ends, ctypes.byref(constants))
        self._overflowed(layer.name, over)
        return spikes.view(self.timesteps, images, *sums.shape[1:])


def _joined(parts: list[Tensor]) -> Tensor:
    """Spikes (T, N, *features) of all chunks, channels last in memory as those of a chunk."""
    return torch.cat([part.movedim(2, -1) for part in parts], 1).movedim(-1, 2)


def _arrays(layer: IntegerLayer) -> list[Tensor]:
    """Thresholds, biases, starts and shifts, int32 (out,) each."""
    out, neurons = len(layer.synapses.codes), layer.neurons
    values = (neurons.threshold, neurons.bias, neurons.start, layer.synapses.shift)
    return [torch.as_tensor(each).flatten().expand(out).to(torch.int32).contiguous() for each in values]


class _Sums(nn.Module):
    """Sums of weights as float32, exact."""

    def __init__(self, synapses: Synapses) -> None:
        super().__init__()
        self.stride, self.padding = synapses.stride, synapses.padding
        self.weight = synapses.codes.float()

    def forward(self, x: Tensor) -> Tensor:
        """Sums (N, out, *positions) that `x` (N, in, *positions) reaches."""
        x = x.float()
        if self.weight.ndim == 2:
            return x.flatten(1) @ self.weight.T
        return F.conv2d(x, self.weight, stride=self.stride, padding=self.padding)


def _most(layer: IntegerLayer, network: IntegerNetwork) -> int:
    """The largest number that reaches a synapse of the layer in a step."""
    assert network.chip.input is not None
    assert network.chip.spike is not None
    if layer.sources == (INPUT,):
        return max(map(abs, network.chip.input.range))
    return network.chip.spike.most * len(layer.sources)


def _summing(layer: IntegerLayer, network: IntegerNetwork) -> nn.Module:
    synapses, most = layer.synapses, _most(layer, network)
    if reach(synapses) * most >= EXACT:
        raise OptionError(f"layer '{layer.name}' sums up to {reach(synapses) * most}, which is no exact float32")
    step = 1 if (synapses.codes % 2).any() else 2
    codes = synapses.codes // step
    whole = codes.ndim == 4 and int(codes.abs().max()) <= 127 and has_integer_convolutions()
    if layer.sources == (INPUT,) or not whole:
        return _Sums(synapses)
    out, inputs, *kernel = codes.shape
    conv = nn.Conv2d(inputs, out, tuple(kernel), synapses.stride, synapses.padding, bias=False)  # type: ignore[arg-type]
    return IntegerConv(conv, codes.to(torch.int8), torch.full((out,), float(step)), False)


def fast_form(put: IntegerNetwork, input_shape: tuple[int, ...]) -> IntegerNetwork:
    """The same numbers, faster: in batches where every sum is an exact float32, else the network in C.

    Without a C compiler it is `put` itself.
    """
    if c_compiler() is None:
        return put
    try:
        return FastNetwork(put)
    except OptionError:
        return CompiledNetwork(put, input_shape)
