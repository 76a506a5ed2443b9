"""What the inputs of a layer of synapses cause: how many are active, and how many synapses they reach."""

from __future__ import annotations

import functools
from collections.abc import Callable
from ctypes import CDLL, c_int64, c_void_p
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from snnbench.functional.memory import as_it_lies, memory_order
from snnbench.functional.threads import in_threads
from snnbench.native import library_or_none

SOURCE = Path(__file__).with_name("inputs.cpp")
_CHUNK = 2**16


@dataclass(frozen=True)
class InputCounts:
    """Synapses that rows of inputs reach.

    Attributes:
        counts: int64 (2, rows): synapses of the inputs that are not zero, and the same with an input of k, or -k,
            counted k times (0 where inputs are real numbers).
        active: inputs that are not zero, in all rows.
        whole: whether every input is a whole number.
        binary: whether every input is 0 or 1.
    """

    counts: Tensor
    active: int
    whole: bool
    binary: bool


def reach(inputs: Tensor, fan_out: Tensor) -> InputCounts:
    """What `inputs` (rows, *features) reach; `fan_out` (*features) is the same for all channels of a position."""
    library = reading_library()
    if library is not None and inputs.device.type == "cpu" and inputs.dtype != torch.float64 and inputs.numel():
        return _read(library, inputs.float(), fan_out)
    rows = max(1, _CHUNK // inputs[0].numel()) if inputs.device.type == "cpu" else len(inputs)
    parts = [_of_chunk(chunk, fan_out) for chunk in torch.split(inputs, rows)]  # on a CPU, a chunk stays in cache
    whole = all(part.whole for part in parts)
    counts = torch.cat([part.counts for part in parts], 1)
    if not whole:
        counts[1] = 0
    return InputCounts(counts, sum(part.active for part in parts), whole, all(part.binary for part in parts))


@functools.cache
def reading_library() -> CDLL | None:
    """The kernels, built on first use (a second) and kept in the cache; None where they cannot be built."""
    if (library := library_or_none(SOURCE)) is None:
        return None
    sizes = (c_int64,) * 3
    for kernel in (library.read_inputs, library.read_inputs_last):
        kernel.argtypes = (c_void_p, *sizes, c_void_p, c_void_p, c_void_p, c_void_p)
        kernel.restype = c_int64
    return library


def _read(library: CDLL, inputs: Tensor, fan_out: Tensor) -> InputCounts:
    fan = (fan_out[0] if fan_out.ndim > 1 else fan_out).contiguous()
    found = torch.empty(3, len(inputs), dtype=torch.int64)
    kind, lying = -1, as_it_lies(inputs)
    if inputs.ndim > 2 and memory_order(inputs) == (0, *range(2, inputs.ndim), 1) and lying.is_contiguous():
        kind = _fill(library.read_inputs_last, lying, fan, found)
    if kind < 0:
        kind = _fill(library.read_inputs, inputs.contiguous(), fan, found)
    if kind == 2:
        found[1] = 0
    return InputCounts(found[:2], int(found[2].sum()), kind < 2, kind == 0)


def _fill(kernel: Callable[..., int], inputs: Tensor, fan: Tensor, found: Tensor) -> int:
    """What all of `inputs` are, as the kernel says it; -1 if it cannot read some of them."""
    channels, positions = inputs[0].numel() // fan.numel(), fan.numel()

    def read(rows: range) -> int:
        first, *others = (each[rows.start].data_ptr() for each in (inputs, *found))
        return int(kernel(first, len(rows), channels, positions, fan.data_ptr(), *others))

    size = max(1, -(-len(inputs) // 16))
    parts = [range(start, min(start + size, len(inputs))) for start in range(0, len(inputs), size)]
    kinds = in_threads(read, parts, inputs.numel())
    return -1 if -1 in kinds else max(kinds)


def _of_chunk(inputs: Tensor, fan_out: Tensor) -> InputCounts:
    low, high = torch.addcmul(inputs, inputs, inputs, value=-1).aminmax()
    if low == 0 and high == 0:  # s - s*s is zero for 0 and 1 alone
        return InputCounts(_reached(inputs, fan_out).expand(2, -1), int(inputs.sum(dtype=torch.float64)), True, True)
    active = (inputs != 0).to(inputs.dtype)
    events = _reached(active, fan_out)
    whole = bool((inputs == inputs.round()).all())
    accumulates = _reached(inputs.abs(), fan_out) if whole else torch.zeros_like(events)
    return InputCounts(torch.stack([events, accumulates]), int(active.sum(dtype=torch.float64)), whole, False)


def _reached(inputs: Tensor, fan_out: Tensor) -> Tensor:
    # All channels of a position reach as far, so channels are summed first: few and small whole numbers are left.
    positions = inputs.sum(1).long()
    return (positions * fan_out[0]).flatten(1).sum(1) if positions.ndim > 1 else positions * fan_out[0]
