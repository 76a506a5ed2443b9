"""What one network does on batches: outputs, firing, operations, loads, and the range of its membranes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn

from snnbench.errors import FiringError
from snnbench.functional.costs import Operations
from snnbench.functional.energy import NeuronLoad, SynapseLoad
from snnbench.functional.graded import BINARY, SpikeKind, unfold_spikes
from snnbench.functional.load import events_by_step
from snnbench.functional.packed import PackedSpikes
from snnbench.functional.profile import FiringProfile, LayerFiring
from snnbench.functional.spikes import count_by_shard
from snnbench.nn.capture import PackedCapture, spiking_modules
from snnbench.nn.classifier import Loop, as_classifier
from snnbench.nn.hooks import told_of_calls
from snnbench.nn.loads import neuron_load, record_loads
from snnbench.nn.steps import steps_among
from snnbench.nn.synapses import weight_layers
from snnbench.nn.walk import evaluating, named_modules, uncompiled
from snnbench.quant.potentials import PotentialRange
from snnbench.quant.products import ProductWeights

_AGAIN = 8  # samples
_MOST_OUTPUTS = 2**14  # numbers a sample: more are no outputs of a classifier


@dataclass(frozen=True)
class Outcome:
    """What a network did on N samples.

    Attributes:
        logits: outputs, float32 (N, classes).
        step_logits: outputs at each step (N, T, classes), whose mean over steps is `logits`; None where the network
            does not show them.
        profile: spike counts, per substep where a layer may send several spikes in a step.
        substeps: substeps of a step in `profile`.
        operations: synaptic operations.
        events: layer -> spikes at each step and sample, int64 (T, N).
        potentials: layer -> lowest and highest membrane potential in units of the threshold; layers that do not show
            their potential are left out.
        state_bits: layer -> bits that number the levels of its stored potentials, 32 in float; of the same layers.
        weights: module -> the weight that it multiplied with.
        synapses: layer of synapses -> what it was asked for, as far as energy needs it.
        neurons: layer of neurons -> the same.
    """

    logits: Tensor
    step_logits: Tensor | None
    profile: FiringProfile
    substeps: int
    operations: Operations
    events: dict[str, Tensor]
    potentials: dict[str, tuple[float, float]]
    state_bits: dict[str, int]
    weights: dict[str, Tensor]
    synapses: dict[str, SynapseLoad]
    neurons: dict[str, NeuronLoad]

    @property
    def timesteps(self) -> int:
        """T."""
        return self.profile.timesteps // self.substeps


class Observer:
    """Runs a network batch by batch and keeps what it does; enter it, call it on each batch, then ask for `outcome`.

    Args:
        model: the network; it is in evaluation mode inside, and left as it was.
        layers: names of its spiking layers, None for all that are known.
        timesteps: as in `Classifier`.
        loop: as in `Classifier`.
        kinds: what the outputs of a layer mean, where they are not 0 and 1.
    """

    def __init__(
        self,
        model: nn.Module,
        layers: Sequence[str] | None,
        timesteps: int | None,
        loop: Loop | None,
        kinds: Mapping[str, SpikeKind],
    ) -> None:
        self._model, self._timesteps, self._loop = model, timesteps, loop
        self._kinds, self._most = kinds, max((kind.most for kind in kinds.values()), default=1)
        spiking = spiking_modules(model, layers, kinds)
        several = {name for name in spiking if self._most > 1 or not kinds.get(name, BINARY).is_binary}
        self._spikes = PackedCapture(spiking, several)
        self._potentials = PotentialRange(model)
        self._loads = record_loads(model)
        self._products = ProductWeights(model)
        self._stack, self._watching = ExitStack(), ExitStack()
        self._counters: dict[str, LayerFiring] = {}
        self._logits: list[Tensor] = []
        self._steps: list[Tensor] | None = []
        self._events: dict[str, list[Tensor]] = {}
        self._neurons: dict[str, int] = {}
        self._last = ""
        self._outputs: dict[str, list[Tensor]] = {}
        self.steady = True
        """Whether the network gave the same outputs when it saw its first samples again; known with the outcome."""

    def __enter__(self) -> Self:
        self._stack.enter_context(evaluating(self._model))
        self._stack.enter_context(uncompiled(self._model))
        self._classifier = self._stack.enter_context(as_classifier(self._model, self._timesteps, self._loop))
        return self

    def __exit__(self, *error: object) -> None:
        self._watching.close()
        self._stack.close()

    @torch.no_grad()
    def __call__(self, images: Tensor) -> dict[str, Tensor | PackedSpikes]:
        """Run a batch; its spikes by layer, packed where they can be, else (T, N, *features)."""
        if not self._logits:
            self._begin(images)
        logits = self._model(images).float().cpu()
        spikes = self._spikes.take_packed(len(images))
        for name, each in spikes.items():
            self._count(name, each)
        self._keep_steps(logits, spikes)
        self._logits.append(logits)
        return spikes

    def outcome(self) -> Outcome:
        """What the network did on all batches.

        Raises:
            FiringError: if there was no batch, or the layers do not fit together.
        """
        self._watching.close()
        self._look_again()
        samples, modules = sum(map(len, self._logits)), named_modules(self._model)
        events = {name: torch.cat(parts, 1) for name, parts in self._events.items()}
        return Outcome(
            logits=torch.cat(self._logits),
            step_logits=torch.cat(self._steps) if self._steps else None,
            profile=FiringProfile(dict(self._counters)).to("cpu"),
            substeps=self._most,
            operations=self._loads.operations(),
            events=events,
            potentials=self._potentials.found(),
            state_bits=self._potentials.bits(),
            weights=self._products.weights,
            synapses=self._loads.synapses(samples),
            neurons={
                name: neuron_load(modules[name], self._neurons[name], len(each), float(each.sum()) / samples)
                for name, each in events.items()
            },
        )

    def _begin(self, images: Tensor) -> None:
        self._first = images
        layers = weight_layers(self._model)
        for watch in (self._spikes, self._potentials, self._loads, told_of_calls(layers, self._note_output)):
            self._watching.enter_context(watch)

    @torch.no_grad()
    def _look_again(self) -> None:
        """Show it its first samples twice: which weights does it multiply with, and does it forget what it saw?"""
        self.steady = False
        for images in (self._first[:_AGAIN], self._first):  # some networks take one size of batch alone
            try:
                with self._products:
                    once = self._model(images)
                self.steady = torch.allclose(once.float(), self._model(images).float(), rtol=1e-4, atol=1e-5)
                return
            except FiringError:  # the steps of its outputs were taken for samples
                raise
            except (RuntimeError, ValueError, IndexError):
                continue

    def _note_output(self, name: str, inputs: Any, output: Tensor) -> None:
        """Keep what may be the network's outputs; which layer comes last is known at the end of the first batch."""
        if not self._logits:
            self._last = name
            if output.ndim > 2 and output.numel() > _MOST_OUTPUTS * len(self._first):
                return
        elif name != self._last:
            return
        self._outputs.setdefault(name, []).append(output)

    def _count(self, name: str, spikes: Tensor | PackedSpikes) -> None:
        first = sum(map(len, self._logits))
        if isinstance(spikes, PackedSpikes):
            self._neurons[name] = spikes.codes[0].numel()
            layer = self._counter(name, spikes.codes.shape[1:], len(spikes.events))
            spikes.count_by_shard(name, first, layer.counts, layer.steps, layer.samples)
            events = spikes.events
        else:
            self._neurons[name], ones = spikes[0, 0].numel(), self._as_ones(name, spikes)
            layer = self._counter(name, ones.shape[2:], len(ones), ones.device)
            count_by_shard(ones, name, first, layer.counts, layer.steps, layer.samples)
            events = events_by_step(spikes).cpu()
        self._events.setdefault(name, []).append(events)

    def _counter(
        self, name: str, features: torch.Size, timesteps: int, device: torch.device | str = "cpu"
    ) -> LayerFiring:
        if name not in self._counters:
            self._counters[name] = LayerFiring.empty(features, timesteps, device=device)
        return self._counters[name]

    def _as_ones(self, name: str, spikes: Tensor) -> Tensor:
        """Zeros and ones that stand for the layer's spikes; every layer gets as many substeps as any needs."""
        kind = self._kinds.get(name, BINARY)
        if self._most == 1 and kind.is_binary:
            return spikes
        return unfold_spikes(kind.counts(spikes, name), self._most, kind.signed)

    def _keep_steps(self, logits: Tensor, spikes: dict[str, Tensor | PackedSpikes]) -> None:
        outputs, found = self._outputs.get(self._last, []), self._classifier.step_logits
        self._outputs = {}
        if found is None:
            found = steps_among(logits, *_fired_last(spikes, logits, outputs))
        if found is None or self._steps is None:
            self._steps = None
        else:
            self._steps.append(found.float().cpu().transpose(0, 1))


def _fired_last(
    spikes: dict[str, Tensor | PackedSpikes], logits: Tensor, outputs: list[Tensor]
) -> tuple[int, list[list[Tensor]]]:
    """T, and what may be the outputs of each step: those of the last layer of synapses, or the last layer's spikes."""
    fired = list(spikes.values())[-1]
    if isinstance(fired, Tensor):
        return len(fired), [outputs, [fired]]
    return len(fired.events), [outputs, [fired.spikes()] if fired.codes.numel() == logits.numel() else []]
