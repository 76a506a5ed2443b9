"""Layers of synapses: which there are, how far each input reaches, and how much work the inputs cause."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from snnbench.errors import FiringError
from snnbench.functional.costs import Operations
from snnbench.functional.profile import SHARDS
from snnbench.nn.compiled.function import reached
from snnbench.nn.compiled.optimize import FusedNeuron
from snnbench.nn.sew_resnet import SEWBlock, SEWResNet

_TRANSPOSED: dict[type[nn.Module], Callable[..., Tensor]] = {
    nn.ConvTranspose1d: F.conv_transpose1d,
    nn.ConvTranspose2d: F.conv_transpose2d,
    nn.ConvTranspose3d: F.conv_transpose3d,
}
_CHUNK = 2**16
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


def weight_layers(model: nn.Module) -> dict[str, nn.Module]:
    """Convolutions and linear layers by qualified name, in network order."""
    kinds = (*CONVOLUTIONS, nn.Linear)
    return {name: module for name, module in model.named_modules() if isinstance(module, kinds)}


def fan_out(layer: nn.Module, features: Sequence[int]) -> Tensor:
    """Synapses that each input of a convolution or linear layer reaches: int64, of the input's shape `features`.

    Zero weights count: they are synapses too.
    """
    if isinstance(layer, nn.Linear):
        return torch.full(tuple(features), layer.out_features)
    with torch.inference_mode(False), torch.enable_grad():
        probe = torch.zeros(1, *features, dtype=torch.float64, requires_grad=True)
        reached = torch.autograd.grad(_with_ones(layer, probe).sum(), probe)[0]
    return reached[0].round().long()


def _with_ones(layer: Any, x: Tensor) -> Tensor:
    ones = torch.ones(layer.weight.shape, dtype=x.dtype)
    transposed = next((run for kind, run in _TRANSPOSED.items() if isinstance(layer, kind)), None)
    if transposed is None:
        convolved: Tensor = layer._conv_forward(x, ones, None)
        return convolved
    return transposed(x, ones, None, layer.stride, layer.padding, layer.output_padding, layer.groups, layer.dilation)


class OperationRecorder:
    """Counts the synaptic operations of a model's layers while it is entered; see `record_operations`."""

    def __init__(self, model: nn.Module, shards: int) -> None:
        self._model, self._shards = model, shards
        self._layers = weight_layers(model)
        self._fan_outs: dict[str, Tensor] = {}
        self._counts: dict[str, Tensor] = {}
        self._real: set[str] = set()
        self._samples = torch.zeros(shards, dtype=torch.int64)
        self._handles: list[RemovableHandle] = []
        self._batch = torch.empty(0, dtype=torch.int64)
        self._compiled = any(isinstance(module, FusedNeuron) for module in model.modules())

    def __enter__(self) -> Self:
        self._handles.append(self._model.register_forward_pre_hook(self._start_batch))
        for name, module in self._layers.items():
            self._handles.append(module.register_forward_pre_hook(self._hook(name)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._handles:
            self._handles.pop().remove()

    def operations(self) -> Operations:
        """The operations so far.

        Raises:
            FiringError: if no layer ran.
        """
        if not self._counts:
            raise FiringError(f"no convolution or linear layer of {type(self._model).__name__} ran")
        return Operations({name: self._kinds(name) for name in self._layers if name in self._counts}, self._samples)

    def _kinds(self, name: str) -> Tensor:
        reached, accumulates, dense = self._counts[name]
        none = torch.zeros_like(reached)
        kinds = (none, none, reached, dense) if name in self._real else (reached, accumulates, none, dense)
        return torch.stack(kinds)

    def _start_batch(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        first = int(self._samples.sum())
        self._batch = (first + torch.arange(len(inputs[0]))) % self._shards
        self._samples += torch.bincount(self._batch, minlength=self._shards)

    def _hook(self, name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def count(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            x = inputs[0].detach()
            x = x if x.is_floating_point() else x.float()
            rows = x.flatten(0, -2) if isinstance(module, nn.Linear) else x
            if name not in self._counts:
                self._fan_outs[name] = fan_out(module, rows.shape[1:])
                self._counts[name] = torch.zeros(3, self._shards, dtype=torch.int64)
            self._add(name, rows, self._fan_outs[name].to(rows.device))

        return count

    def _add(self, name: str, rows: Tensor, fan: Tensor) -> None:
        fast = reached(rows, fan) if self._compiled and rows.dtype == torch.float32 and rows.ndim in (2, 4) else None
        counts, whole = (fast, True) if fast is not None else operations_of(rows, fan)
        if not whole:
            self._real.add(name)
        dense = fan.sum().cpu().expand(1, len(rows))
        shards = self._batch.repeat(len(rows) // len(self._batch))
        self._counts[name].index_add_(1, shards, torch.cat([counts.cpu(), dense]))


def operations_of(inputs: Tensor, fan_out: Tensor) -> tuple[Tensor, bool]:
    """Synapses that each row of `inputs` (rows, *features) reaches, and whether all inputs are whole numbers.

    Returns:
        int64 (2, rows): synapses of the inputs that are not zero, and the same with an input of k counted k times
        (0 where inputs are real numbers); and whether every input is a whole number of at least 0.
    """
    rows = max(1, _CHUNK // inputs[0].numel()) if inputs.device.type == "cpu" else len(inputs)
    parts = [_of_chunk(chunk, fan_out) for chunk in torch.split(inputs, rows)]  # on a CPU, a chunk stays in cache
    return torch.cat([counts for counts, _ in parts], 1), all(whole for _, whole in parts)


def _of_chunk(inputs: Tensor, fan_out: Tensor) -> tuple[Tensor, bool]:
    low, high = torch.addcmul(inputs, inputs, inputs, value=-1).aminmax()
    if low == 0 and high == 0:  # s - s*s is zero for 0 and 1 alone
        return _reached(inputs, fan_out).expand(2, -1), True
    events = _reached((inputs != 0).to(inputs.dtype), fan_out)
    whole = bool((inputs == inputs.round()).all()) and bool(inputs.min() >= 0)
    accumulates = _reached(inputs, fan_out) if whole else torch.zeros_like(events)
    return torch.stack([events, accumulates]), whole


def _reached(inputs: Tensor, fan_out: Tensor) -> Tensor:
    # All channels of a position reach as far, so channels are summed first: few and small whole numbers are left.
    positions = inputs.sum(1).long()
    return (positions * fan_out[0]).flatten(1).sum(1) if positions.ndim > 1 else positions * fan_out[0]


def record_operations(model: nn.Module, shards: int = SHARDS) -> OperationRecorder:
    """Count the synaptic operations of `model` while it runs inside a ``with`` block, as `record_firing` counts spikes.

    Every convolution and linear layer is watched. A layer may see its steps as ``(T * N, ...)``, ``(T, N, ...)`` or one
    at a time; samples are numbered in the order they come.
    """
    return OperationRecorder(model, shards)


def branches(model: nn.Module) -> dict[str, tuple[str, ...]]:
    """Layers of synapses whose input is a sum of several neurons' spikes -> the names of those spiking layers.

    Known for SEW-ResNets that merge by ADD; empty for any other model.
    """
    if not isinstance(model, SEWResNet):
        return {}
    found: dict[str, tuple[str, ...]] = {}
    sources: tuple[str, ...] = ("stem.neuron",)
    for name, block in model.blocks.named_children():
        if not isinstance(block, SEWBlock) or block.connect != "ADD":
            return {}
        reshapes = not isinstance(block.shortcut, nn.Identity)
        for reader in ("layer1", "shortcut") if reshapes else ("layer1",):
            found[f"blocks.{name}.{reader}.conv"] = sources
        sources = (f"blocks.{name}.layer2.neuron", *((f"blocks.{name}.shortcut.neuron",) if reshapes else sources))
    return {name: names for name, names in found.items() if len(names) > 1}
