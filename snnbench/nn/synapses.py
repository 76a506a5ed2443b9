"""Layers of synapses: which there are, how far each input reaches, and how much work the inputs cause."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.utils.hooks import RemovableHandle

from snnbench.errors import FiringError
from snnbench.functional.costs import Operations
from snnbench.functional.profile import SHARDS
from snnbench.nn.compiled.function import reached
from snnbench.nn.compiled.optimize import FusedNeuron
from snnbench.nn.hooks import after, before
from snnbench.nn.inputs import reach
from snnbench.nn.libraries import spikes_by_step, step_mode
from snnbench.nn.passes import PassRecorder
from snnbench.nn.sew_resnet import SEWBlock, SEWResNet
from snnbench.nn.walk import first_tensor, named_modules

_TRANSPOSED: dict[type[nn.Module], Callable[..., Tensor]] = {
    nn.ConvTranspose1d: F.conv_transpose1d,
    nn.ConvTranspose2d: F.conv_transpose2d,
    nn.ConvTranspose3d: F.conv_transpose3d,
}
_RECURRENT = ("weight_ih", "weight_hh", "input_weights", "recurrent_weights")
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


def weight_layers(model: nn.Module) -> dict[str, nn.Module]:
    """Convolutions and linear layers by qualified name, in the order in which they are defined."""
    kinds = (*CONVOLUTIONS, nn.Linear)
    return {name: module for name, module in named_modules(model).items() if isinstance(module, kinds)}


def features_of(layer: nn.Module) -> int:
    """Number of dimensions of one sample's input of a convolution or linear layer."""
    return 1 if isinstance(layer, nn.Linear) else len(cast(tuple[int, ...], layer.kernel_size)) + 1


@dataclass(frozen=True)
class Matrix:
    """A matrix of weights: the parameter `tensor` of `module`, whose qualified name is `layer`."""

    layer: str
    module: nn.Module
    tensor: str

    @property
    def path(self) -> str:
        """Qualified name of the parameter."""
        return f"{self.layer}.{self.tensor}" if self.layer else self.tensor

    @property
    def weight(self) -> Tensor:
        """The weights as the layer reads them."""
        return cast(Tensor, getattr(self.module, self.tensor))

    @property
    def is_parametrized(self) -> bool:
        """Whether something is put on the weights."""
        return parametrize.is_parametrized(self.module, self.tensor)


def matrices(model: nn.Module) -> dict[str, Matrix]:
    """Every matrix of weights that can be quantized, in network order: `weight_layers` by their name, and the matrices
    of recurrent cells (PyTorch's, Norse's) by the name of the parameter.

    `nn.LSTM`, `nn.GRU` and `nn.RNN` are left out: their kernels read their weights past any parametrization.
    """
    found = {name: Matrix(name, module, "weight") for name, module in weight_layers(model).items()}
    for name, module in named_modules(model).items():
        if not isinstance(module, nn.RNNBase):
            own = [Matrix(name, module, tensor) for tensor in _RECURRENT if _holds(module, tensor)]
            found |= {matrix.path: matrix for matrix in own}
    return found


def _holds(module: nn.Module, tensor: str) -> bool:
    return tensor in module._parameters or parametrize.is_parametrized(module, tensor)


def fan_out(layer: nn.Module, features: Sequence[int], output_size: Sequence[int] | None = None) -> Tensor:
    """Synapses that each input of a convolution or linear layer reaches: int64, of the input's shape `features`.

    Zero weights count: they are synapses too. `output_size` is what a transposed convolution is called with.
    """
    if isinstance(layer, nn.Linear):
        return torch.full(tuple(features), layer.out_features)
    with torch.inference_mode(False), torch.enable_grad():
        probe = torch.zeros(1, *features, dtype=torch.float64, requires_grad=True)
        reached = torch.autograd.grad(_with_ones(layer, probe, output_size).sum(), probe)[0]
    return reached[0].round().long()


def _with_ones(layer: Any, x: Tensor, output_size: Sequence[int] | None) -> Tensor:
    ones = torch.ones(layer.weight.shape, dtype=x.dtype)
    transposed = next((run for kind, run in _TRANSPOSED.items() if isinstance(layer, kind)), None)
    if transposed is None:
        convolved: Tensor = layer._conv_forward(x, ones, None)
        return convolved
    geometry = (layer.stride, layer.padding, layer.kernel_size, len(layer.kernel_size), layer.dilation)
    padding = layer._output_padding(x, None if output_size is None else list(output_size), *geometry)
    return transposed(x, ones, None, layer.stride, layer.padding, padding, layer.groups, layer.dilation)


@dataclass(frozen=True)
class _Call:
    """What one call of a layer caused: int64 (2, *lead) of `reach`, whether all is whole, and of all inputs."""

    counts: Tensor
    whole: bool
    dense: int


class OperationRecorder(PassRecorder):
    """Counts the synaptic operations of a model's layers while it is entered; see `record_operations`."""

    def __init__(self, model: nn.Module, shards: int, timesteps: int | None = None) -> None:
        self._layers = weight_layers(model)
        spiking = {name: module for name, module in named_modules(model).items() if step_mode(module)}
        super().__init__(model, {**spiking, **self._layers})
        self._shards, self._timesteps, self._step = shards, timesteps or 1, 0
        self._fan_outs: dict[tuple[str, tuple[int, ...], tuple[int, ...] | None], Tensor] = {}
        self._calls: list[tuple[str, _Call]] = []
        self._given, self._spikes, self._samples_first = 0, (0, 0), False
        self._counts: dict[str, Tensor] = {}
        self._real: set[str] = set()
        self._samples = torch.zeros(shards, dtype=torch.int64)
        self._compiled = any(isinstance(module, FusedNeuron) for module in model.modules())

    def operations(self) -> Operations:
        """The operations so far, layers in the order in which they first ran.

        Raises:
            FiringError: if no layer ran.
        """
        self._drop_unfinished()
        if not self._counts:
            raise FiringError(f"no convolution or linear layer of {type(self._model).__name__} ran")
        return Operations({name: self._kinds(name) for name in self._counts}, self._samples)

    def _kinds(self, name: str) -> Tensor:
        reached, accumulates, dense = self._counts[name]
        none = torch.zeros_like(reached)
        kinds = (none, none, reached, dense) if name in self._real else (reached, accumulates, none, dense)
        return torch.stack(kinds)

    def _watch(self, name: str, module: nn.Module) -> RemovableHandle:
        if name in self._layers:

            def count(inputs: tuple[Any, ...], keywords: Mapping[str, Any]) -> None:
                x = first_tensor((inputs, keywords))
                if self._running and x is not None and x.ndim >= features_of(module):  # else the layer itself refuses
                    sizes = [*inputs[1:], keywords.get("output_size")]
                    self._calls.append((name, self._count(name, module, x.detach(), sizes[0])))

            return before(module, count)

        def note(inputs: tuple[Any, ...], keywords: Mapping[str, Any], output: Any) -> None:
            mode = step_mode(module)
            if self._running and mode is not None and not self._spikes[1]:
                spikes = spikes_by_step(module, name, mode, (inputs, keywords), output)
                self._spikes, self._samples_first = (len(spikes), spikes.shape[1]), mode in ("batch_first", "flat")

        return after(module, note)

    def _count(self, name: str, module: nn.Module, x: Tensor, output_size: Any) -> _Call:
        x = x if x.is_floating_point() else x.float()
        depth = features_of(module)
        x = x if x.ndim > depth else x.unsqueeze(0)
        lead, features = x.shape[:-depth], tuple(x.shape[-depth:])
        rows = x.reshape(-1, *features)
        key = name, features, None if output_size is None else tuple(output_size)
        if key not in self._fan_outs:
            self._fan_outs[key] = fan_out(module, features, output_size)
        fan = self._fan_outs[key].to(rows.device)
        counts, whole = self._reached(name, rows, fan)
        return _Call(counts.cpu().unflatten(1, lead), whole, int(fan.sum()) * len(rows))  # type: ignore[no-untyped-call]

    def _reached(self, name: str, rows: Tensor, fan: Tensor) -> tuple[Tensor, bool]:
        fast = reached(rows, fan) if self._compiled and rows.dtype == torch.float32 and rows.ndim in (2, 4) else None
        if fast is not None:
            return fast, True
        found = reach(rows, fan)
        return found.counts, found.whole

    def _begin(self, inputs: tuple[Any, ...], keywords: Mapping[str, Any]) -> None:
        given = first_tensor((inputs, keywords))
        self._given = 1 if given is None or given.ndim == 0 else len(given)

    def _discard(self) -> None:
        self._calls, self._spikes = [], (0, 0)

    def _commit(self) -> None:
        samples = self._spikes[1] or self._given
        shards = (int(self._samples.sum()) + torch.arange(samples)) % self._shards
        added = [(name, call, self._by_sample(name, call.counts, samples)) for name, call in self._calls]
        for name, call, counts in added:
            if name not in self._counts:
                self._counts[name] = torch.zeros(3, self._shards, dtype=torch.int64)
            if not call.whole:
                self._real.add(name)
            dense = torch.full((1, samples), call.dense // samples)
            self._counts[name].index_add_(1, shards, torch.cat([counts, dense]))
        self._discard()
        self._step = (self._step + 1) % self._timesteps
        if self._step == 0:
            self._samples = self._samples + torch.bincount(shards, minlength=self._shards)

    def _by_sample(self, name: str, counts: Tensor, samples: int) -> Tensor:
        """Counts (2, N) of the samples from those (2, *lead) of a call: steps and tokens are summed."""
        lead, timesteps = counts.shape[1:], self._spikes[0]
        steps_first = lead[1:2] == (samples,) and (lead[0] != samples or samples == timesteps)
        if steps_first and not self._samples_first:
            return counts.movedim(2, 1).flatten(2).sum(2)
        if lead[0] % samples:
            raise FiringError(f"layer {name!r} was called with inputs of {tuple(lead)} for {samples} samples")
        if self._samples_first:
            return counts.reshape(2, samples, -1).sum(2)
        return counts.reshape(2, lead[0] // samples, samples, -1).sum((1, 3))


def record_operations(model: nn.Module, shards: int = SHARDS, timesteps: int | None = None) -> OperationRecorder:
    """Count the synaptic operations of `model` while it runs inside a ``with`` block, as `record_firing` counts spikes.

    Every convolution and linear layer is watched. A layer may see its steps as ``(T * N, ...)``, ``(T, N, ...)`` or one
    at a time, and a linear layer tokens, ``(N, tokens, features)``; samples are numbered in the order they come. How
    many a pass has is what its spiking layers say, or without any the first dimension of the model's input.

    Args:
        model: the network.
        shards: number K of shards; sample i is in shard i mod K.
        timesteps: T, needed where the loop over steps is outside of the model, so that T forward passes are one batch.
    """
    return OperationRecorder(model, shards, timesteps)


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
