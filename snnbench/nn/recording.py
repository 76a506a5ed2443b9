"""Recording the firing of a running network: exact counts, in memory that does not grow with the number of samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from snnbench.errors import FiringError
from snnbench.functional.profile import SHARDS, FiringProfile, LayerFiring
from snnbench.functional.spikes import ShardTally, tally_by_shard
from snnbench.nn.compiled.counter import SpikeCounter
from snnbench.nn.compiled.optimize import FusedNeuron
from snnbench.nn.hooks import after
from snnbench.nn.libraries import StepMode, refusal, spikes_by_step, step_mode
from snnbench.nn.neurons import SpikingNeuron
from snnbench.nn.passes import PassRecorder
from snnbench.nn.walk import first_tensor, named_modules, several


def spiking_layers(model: nn.Module) -> dict[str, nn.Module]:
    """This project's spiking layers of `model` by qualified name, in the order in which they are defined."""
    return {name: module for name, module in named_modules(model).items() if isinstance(module, SpikingNeuron)}


class FiringRecorder(PassRecorder):
    """Counts the spikes of some layers while it is entered; see `record_firing`.

    Attributes:
        next_sample: number of samples that are counted.
    """

    def __init__(
        self, model: nn.Module, layers: dict[str, tuple[nn.Module, StepMode]], shards: int, timesteps: int | None
    ) -> None:
        super().__init__(model, {name: module for name, (module, _) in layers.items()})
        self._modes = {name: mode for name, (_, mode) in layers.items()}
        self._shards, self._timesteps = shards, timesteps
        self._input: tuple[int, ...] = ()
        self._counters: dict[str, LayerFiring] = {}
        self._fused: dict[str, SpikeCounter] = {}
        self._order: dict[str, None] = {}
        self._tallies: dict[str, list[ShardTally]] = {}
        self._seen: dict[str, int] = {}
        self._steps_before, self._broken = 0, False
        self.next_sample = 0

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        self._count_fused(False)
        self._collect()
        self._fused.clear()

    def profile(self) -> FiringProfile:
        """The firing so far, layers in the order in which they first ran.

        Raises:
            FiringError: if a layer did not run, a batch lacks steps, or the layers saw different numbers of samples.
        """
        self._drop_unfinished()
        self._collect()
        for name in self._modes:
            if steps := self._tallies.get(name):
                raise FiringError(f"layer {name!r} ran {len(steps)} of {self._timesteps} steps of the last batch")
            if name not in self._counters:
                raise FiringError(f"layer {name!r} did not run in a call of the model while its firing was recorded")
        return FiringProfile({name: self._counters[name] for name in self._order})

    @torch.inference_mode(False)
    def _collect(self) -> None:
        for name, counter in self._fused.items():
            if firing := counter.take():
                before = self._counters.get(name)
                self._counters[name] = before + firing if before else firing

    def _watch(self, name: str, module: nn.Module) -> RemovableHandle:
        mode = self._modes[name]

        def note(inputs: tuple[Any, ...], keywords: Mapping[str, Any], output: Any) -> None:
            if self._running:
                self._count(name, mode, spikes_by_step(module, name, mode, (inputs, keywords), output))

        handle = after(module, note)
        watched = len(module._forward_hooks) > 1  # another hook may change what the layer gives
        if isinstance(module, FusedNeuron) and module.counter is None and not watched:
            self._fused[name] = SpikeCounter(name, self._shards)
        return handle

    def _begin(self, inputs: tuple[Any, ...], keywords: Mapping[str, Any]) -> None:
        if self._broken:
            raise FiringError(
                "an earlier forward pass did not finish, so it is not known which of the "
                f"{self._timesteps} steps of a batch belong together; record again from the first batch"
            )
        given = first_tensor((inputs, keywords))
        self._input = () if given is None else tuple(given.shape)
        self._steps_before = max(map(len, self._tallies.values()), default=0)
        for counter in self._fused.values():
            counter.start_batch(self.next_sample)
        self._count_fused(True)

    def _count_fused(self, counting: bool) -> None:
        for name, counter in self._fused.items():
            cast(FusedNeuron, self._watched[name]).counter = counter if counting else None

    def _count(self, name: str, mode: StepMode, spikes: Tensor) -> None:
        self._order.setdefault(name)
        if mode != "single" and name in self._seen:
            raise FiringError(f"layer {name!r} ran twice in one forward pass; give each pass a neuron of its own")
        self._seen[name] = spikes.shape[1]
        self._check_samples(name, mode, spikes)
        if name in self._fused and self._fused[name].counted:
            return
        tally = tally_by_shard(spikes, name, self.next_sample, self._shards)
        first = self._tallies.setdefault(name, [tally])[0]
        if first is tally:
            return
        if (first.features, first.samples) != (tally.features, tally.samples):
            shapes = " and ".join(str((each.samples, *each.features)) for each in (first, tally))
            raise FiringError(f"layer {name!r}: its steps have different shapes: {shapes}")
        self._tallies[name].append(tally)

    def _check_samples(self, name: str, mode: StepMode, spikes: Tensor) -> None:
        steps, samples = spikes.shape[:2]
        if mode == "multi" and len(self._input) == 4 and self._input[0] == steps and samples not in self._input[:2]:
            raise FiringError(
                f"layer {name!r} gives {tuple(spikes.shape)} for {steps} images; if the samples come before the steps, "
                "record with batch_first=True"
            )

    def _discard(self) -> None:
        self._broken = self._steps_before > 0
        self._clear()
        for counter in self._fused.values():
            counter.undo()

    def _clear(self) -> None:
        self._tallies, self._seen = {}, {}

    def _commit(self) -> None:
        self._count_fused(False)
        if self._lacks_steps():
            return
        whole = {name: ShardTally.over_time(tallies) for name, tallies in self._tallies.items()}
        for name, tally in whole.items():
            if name in self._counters:
                tally.check(name, self._counters[name].counts, self._counters[name].steps)
        for name, tally in whole.items():
            self._add(name, tally)
        self.next_sample += max(self._seen.values(), default=0)
        self._clear()

    def _lacks_steps(self) -> bool:
        if not self._timesteps:
            return False
        steps = {name: len(found) for name, found in self._tallies.items() if self._modes[name] == "single"}
        for name, count in steps.items():
            if count > self._timesteps:
                raise FiringError(f"layer {name!r} ran {count} steps of a batch of {self._timesteps}")
        return any(count < self._timesteps for count in steps.values())

    def _add(self, name: str, tally: ShardTally) -> None:
        if name not in self._counters:
            timesteps, device = tally.totals.shape[1], tally.neurons.device
            self._counters[name] = LayerFiring.empty(tally.features, timesteps, self._shards, device)
        layer = self._counters[name]
        tally.add_to(name, layer.counts, layer.steps, layer.samples)


def record_firing(
    model: nn.Module,
    layers: Sequence[str] | None = None,
    shards: int = SHARDS,
    timesteps: int | None = None,
    batch_first: bool = False,
) -> FiringRecorder:
    """Count the spikes of `model` while it runs inside a ``with`` block::

        with snnbench.record_firing(model) as recorder:
            for images in batches:
                model(images)
        profile = recorder.profile()

    The hooks are gone when the block ends, whatever happened in it; several recorders do not disturb each other. A
    forward pass that raises is not counted. Spiking layers of SpikingJelly, snnTorch, Norse and sinabs are found as
    well; a layer that returns a tuple returns its spikes first. Layers have the names that they have without
    `torch.compile` and data parallelism.

    Args:
        model: the network; every forward pass is one batch, samples are numbered in the order they come.
        layers: qualified names of the modules to watch; by default all spiking layers. A module of an unknown kind
            returns all steps ``(T, N, *features)``, or, where `timesteps` is given, one step ``(N, *features)``.
        shards: number K of shards; sample i is in shard i mod K.
        timesteps: T, needed where the loop over steps is outside of the model, so that T forward passes are one batch.
        batch_first: a module of an unknown kind returns ``(N, T, *features)``.

    Raises:
        FiringError: if there is no spiking layer, one is of a kind that cannot be counted, or a name is not a module
            of the model.
    """
    modules = named_modules(model)
    unknown: StepMode = "single" if timesteps else "batch_first" if batch_first else "multi"
    if layers is not None:
        wrapped = dict(model.named_modules())
        chosen = {_name(name, modules, wrapped, model): None for name in several(layers)}
        found = {name: (modules[name], step_mode(modules[name]) or unknown) for name in chosen}
        return FiringRecorder(model, found, shards, timesteps)
    for name, module in modules.items():
        if reason := refusal(module):
            raise FiringError(
                f"layer {name!r}, a {type(module).__name__}, {reason}; name the layers that are to be counted: "
                "record_firing(model, [...])"
            )
    spiking = {name: (module, mode) for name, module in modules.items() if (mode := step_mode(module))}
    if not spiking:
        raise FiringError(f"{type(model).__name__} has no spiking layer; name the layers: record_firing(model, [...])")
    return FiringRecorder(model, spiking, shards, timesteps)


def _name(name: str, modules: Mapping[str, nn.Module], wrapped: Mapping[str, nn.Module], model: nn.Module) -> str:
    if name in modules:
        return name
    same = (each for each, module in modules.items() if module is wrapped.get(name))
    if (found := next(same, None)) is None:
        raise FiringError(f"{type(model).__name__} has no layer {name!r}")
    return found
