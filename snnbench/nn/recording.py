"""Recording the firing of a running network: exact counts, in memory that does not grow with the number of samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self, cast

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from snnbench.errors import FiringError
from snnbench.functional.profile import SHARDS, FiringProfile, LayerFiring
from snnbench.functional.spikes import count_by_shard
from snnbench.nn.compiled.counter import SpikeCounter
from snnbench.nn.compiled.optimize import FusedNeuron
from snnbench.nn.libraries import StepMode, step_mode
from snnbench.nn.neurons import SpikingNeuron


def spiking_layers(model: nn.Module) -> dict[str, nn.Module]:
    """This project's spiking layers of `model` by qualified name, in network order."""
    return {name: module for name, module in model.named_modules() if isinstance(module, SpikingNeuron)}


class FiringRecorder:
    """Counts the spikes of some layers while it is entered; see `record_firing`.

    Attributes:
        next_sample: number of samples that are counted.
    """

    def __init__(
        self, model: nn.Module, layers: dict[str, tuple[nn.Module, StepMode]], shards: int, timesteps: int | None
    ) -> None:
        self._model, self._layers, self._shards, self._timesteps = model, layers, shards, timesteps
        self._counters: dict[str, LayerFiring] = {}
        self._fused: dict[str, SpikeCounter] = {}
        self._seen = dict.fromkeys(layers, 0)
        self._steps: dict[str, list[Tensor]] = {name: [] for name, (_, mode) in layers.items() if mode == "single"}
        self._handles: list[RemovableHandle] = []
        self.next_sample = 0

    def __enter__(self) -> Self:
        for name, (module, mode) in self._layers.items():
            self._handles.append(module.register_forward_hook(self._hook(name, mode)))
            watched = len(module._forward_hooks) > 1  # another hook may change what the layer gives
            if isinstance(module, FusedNeuron) and module.counter is None and not watched:
                module.counter = self._fused[name] = SpikeCounter(name, self._shards)
                module.counter.start_batch(self.next_sample)
        self._handles.append(self._model.register_forward_hook(self._finish_forward))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._handles:
            self._handles.pop().remove()
        self._collect()
        for name in self._fused:
            cast(FusedNeuron, self._layers[name][0]).counter = None
        self._fused.clear()

    def profile(self) -> FiringProfile:
        """The firing so far.

        Raises:
            FiringError: if a layer did not run, a batch lacks steps, or the layers saw different numbers of samples.
        """
        self._collect()
        for name in self._layers:
            if steps := self._steps.get(name):
                raise FiringError(f"layer {name!r} ran {len(steps)} of {self._timesteps} steps of the last batch")
            if name not in self._counters:
                raise FiringError(f"layer {name!r} did not run while its firing was recorded")
        return FiringProfile({name: self._counters[name] for name in self._layers})

    def _collect(self) -> None:
        for name, counter in self._fused.items():
            if firing := counter.take():
                before = self._counters.get(name)
                self._counters[name] = before + firing if before else firing

    def _hook(self, name: str, mode: StepMode) -> Callable[[nn.Module, Any, Any], None]:
        def note(module: nn.Module, inputs: Any, output: Any) -> None:
            spikes: Tensor = (output[0] if isinstance(output, tuple) else output).detach()
            if mode == "single":
                self._steps[name].append(spikes)
            else:
                self._count(name, spikes)

        return note

    def _count(self, name: str, spikes: Tensor) -> None:
        if self._seen[name]:
            raise FiringError(f"layer {name!r} ran twice in one forward pass; give each pass a neuron of its own")
        self._seen[name] = spikes.shape[1]
        if name in self._fused and self._fused[name].counted:
            return
        if name not in self._counters:
            self._counters[name] = LayerFiring.empty(spikes.shape[2:], len(spikes), self._shards, spikes.device)
        layer = self._counters[name]
        count_by_shard(spikes, name, self.next_sample, layer.counts, layer.steps, layer.samples)

    def _finish_forward(self, module: nn.Module, inputs: Any, output: Any) -> None:
        if any(0 < len(steps) < (self._timesteps or 0) for steps in self._steps.values()):
            return
        for name, steps in self._steps.items():
            if steps:
                self._count(name, _stack(steps, name))
                steps.clear()
        self.next_sample += max(self._seen.values())
        for counter in self._fused.values():
            counter.start_batch(self.next_sample)
        self._seen = dict.fromkeys(self._seen, 0)


def record_firing(
    model: nn.Module, layers: Sequence[str] | None = None, shards: int = SHARDS, timesteps: int | None = None
) -> FiringRecorder:
    """Count the spikes of `model` while it runs inside a ``with`` block::

        with snnbench.record_firing(model) as recorder:
            for images in batches:
                model(images)
        profile = recorder.profile()

    The hooks are gone when the block ends, whatever happened in it; several recorders do not disturb each other.
    Spiking layers of SpikingJelly (multi-step and single-step), snnTorch and Norse are found as well; a layer that
    returns a tuple returns its spikes first.

    Args:
        model: the network; every forward pass is one batch, samples are numbered in the order they come.
        layers: qualified names of the modules to watch; by default all spiking layers. A module of an unknown kind
            returns all steps ``(T, N, *features)``, or, where `timesteps` is given, one step ``(N, *features)``.
        shards: number K of shards; sample i is in shard i mod K.
        timesteps: T, needed where the loop over steps is outside of the model, so that T forward passes are one batch.

    Raises:
        FiringError: if there is no spiking layer, or a name is not a module of the model.
    """
    modules = dict(model.named_modules())
    if layers is None:
        found = {name: (module, mode) for name, module in modules.items() if (mode := step_mode(module))}
        if not found:
            raise FiringError(
                f"{type(model).__name__} has no spiking layer; name the layers: record_firing(model, [...])"
            )
        return FiringRecorder(model, found, shards, timesteps)
    for name in layers:
        if name not in modules:
            raise FiringError(f"{type(model).__name__} has no layer {name!r}")
    unknown: StepMode = "single" if timesteps else "multi"
    chosen = {name: (modules[name], step_mode(modules[name]) or unknown) for name in layers}
    return FiringRecorder(model, chosen, shards, timesteps)


def _stack(steps: list[Tensor], name: str) -> Tensor:
    if any(step.shape != steps[0].shape for step in steps):
        shapes = ", ".join(sorted({str(tuple(step.shape)) for step in steps}))
        raise FiringError(f"layer {name!r}: its steps have different shapes: {shapes}")
    return torch.stack(steps)
