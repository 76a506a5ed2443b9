"""Recording the firing of a running network: exact counts, in memory that does not grow with the number of samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from snnbench.errors import FiringError
from snnbench.functional.profile import SHARDS, FiringProfile, LayerFiring
from snnbench.functional.spikes import count_by_shard
from snnbench.nn.neurons import SpikingNeuron


def spiking_layers(model: nn.Module) -> dict[str, nn.Module]:
    """The spiking layers of `model` by qualified name, in network order."""
    return {name: module for name, module in model.named_modules() if isinstance(module, SpikingNeuron)}


class FiringRecorder:
    """Counts the spikes of some layers while it is entered; see `record_firing`."""

    def __init__(self, model: nn.Module, layers: dict[str, nn.Module], shards: int) -> None:
        self._model, self._layers, self._shards = model, layers, shards
        self._counters: dict[str, LayerFiring] = {}
        self._seen = dict.fromkeys(layers, 0)
        self._handles: list[RemovableHandle] = []
        self.next_sample = 0

    def __enter__(self) -> Self:
        for name, module in self._layers.items():
            self._handles.append(module.register_forward_hook(self._hook(name)))
        self._handles.append(self._model.register_forward_hook(self._finish_batch))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._handles:
            self._handles.pop().remove()

    def profile(self) -> FiringProfile:
        """The firing so far.

        Raises:
            FiringError: if a layer did not run, or the layers saw different numbers of samples.
        """
        silent = [name for name in self._layers if name not in self._counters]
        if silent:
            raise FiringError(f"layer {silent[0]!r} did not run while its firing was recorded")
        return FiringProfile({name: self._counters[name] for name in self._layers})

    def _hook(self, name: str) -> Callable[[nn.Module, Any, Tensor], None]:
        def count(module: nn.Module, inputs: Any, spikes: Tensor) -> None:
            if self._seen[name]:
                raise FiringError(f"layer {name!r} ran twice in one forward pass; give each pass a neuron of its own")
            if name not in self._counters:
                self._counters[name] = LayerFiring.empty(spikes.shape[2:], len(spikes), self._shards, spikes.device)
            layer = self._counters[name]
            count_by_shard(spikes, name, self.next_sample, layer.counts, layer.steps, layer.samples)
            self._seen[name] = spikes.shape[1]

        return count

    def _finish_batch(self, module: nn.Module, inputs: Any, output: Any) -> None:
        self.next_sample += max(self._seen.values())
        self._seen = dict.fromkeys(self._seen, 0)


def record_firing(model: nn.Module, layers: Sequence[str] | None = None, shards: int = SHARDS) -> FiringRecorder:
    """Count the spikes of `model` while it runs inside a ``with`` block::

        with snnbench.record_firing(model) as recorder:
            for images in batches:
                model(images)
        profile = recorder.profile()

    The hooks are gone when the block ends, whatever happened in it; several recorders do not disturb each other.

    Args:
        model: the network; every forward pass is one batch, samples are numbered in the order they come.
        layers: qualified names of the modules to watch; by default all spiking layers.
        shards: number K of shards; sample i is in shard i mod K.

    Raises:
        FiringError: if there is no spiking layer, or a name is not a module of the model.
    """
    if layers is None:
        chosen = spiking_layers(model)
        if not chosen:
            raise FiringError(
                f"{type(model).__name__} has no spiking layer; name the layers: record_firing(model, [...])"
            )
        return FiringRecorder(model, chosen, shards)
    modules = dict(model.named_modules())
    for name in layers:
        if name not in modules:
            raise FiringError(f"{type(model).__name__} has no layer {name!r}")
    return FiringRecorder(model, {name: modules[name] for name in layers}, shards)
