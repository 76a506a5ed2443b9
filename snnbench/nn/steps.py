"""Recording what a network does at each step for each sample: its outputs, and how many neurons of a layer fire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from snnbench.errors import FiringError
from snnbench.functional.load import events_by_step
from snnbench.nn.classifier import Classifier
from snnbench.nn.hooks import after
from snnbench.nn.libraries import StepMode, spikes_by_step, step_mode
from snnbench.nn.passes import PassRecorder
from snnbench.nn.synapses import weight_layers
from snnbench.nn.walk import named_modules

_TOLERANCE = 1e-4


class StepRecorder(PassRecorder):
    """Notes outputs and events at each step while it is entered; see `record_steps`."""

    def __init__(self, model: nn.Module) -> None:
        modes = {name: step_mode(module) for name, module in named_modules(model).items()}
        self._modes: dict[str, StepMode] = {name: mode for name, mode in modes.items() if mode}
        layers = weight_layers(model)
        super().__init__(model, {**{name: model.get_submodule(name) for name in self._modes}, **layers})
        self._fired: dict[str, list[Tensor]] = {}
        self._spikes: list[Tensor] = []
        self._outputs: tuple[str, list[Tensor]] = ("", [])
        self._ended: tuple[dict[str, list[Tensor]], list[Sequence[Tensor]]] | None = None
        self._events: dict[str, list[Tensor]] = {}
        self._steps: list[Tensor] | None = []

    def add(self, logits: Tensor) -> None:
        """After each batch: its outputs `(N, classes)`, among whose parts those of each step are looked for."""
        if self._ended is None:
            raise FiringError("no forward pass came to its end since the last batch was added")
        fired, candidates = self._ended
        self._ended = None
        for name, parts in fired.items():
            self._events.setdefault(name, []).append(torch.cat(parts))
        timesteps = sum(map(len, next(iter(fired.values()), [])))
        forward = self._model.forward
        given = forward.step_logits if isinstance(forward, Classifier) else None
        found = given if given is not None else steps_among(logits, timesteps, candidates)
        if found is None or self._steps is None:
            self._steps = None
        else:
            self._steps.append(found.float().cpu().transpose(0, 1))

    def events(self) -> dict[str, Tensor]:
        """Layer -> neurons that fired at each step for each sample, int64 `(T, N)`."""
        return {name: torch.cat(parts, 1) for name, parts in self._events.items()}

    def step_logits(self) -> Tensor | None:
        """Outputs at each step, float32 `(N, T, classes)`, whose mean over steps are the network's; None if it does
        not show them."""
        return torch.cat(self._steps) if self._steps else None

    def _watch(self, name: str, module: nn.Module) -> RemovableHandle:
        def note(inputs: tuple[Any, ...], keywords: Mapping[str, Any], output: Any) -> None:
            if not self._running:
                return
            if name in self._modes:
                self._note_spikes(name, spikes_by_step(module, name, self._modes[name], (inputs, keywords), output))
            else:
                self._note_output(name, output)

        return after(module, note)

    def _note_spikes(self, name: str, spikes: Tensor) -> None:
        self._fired.setdefault(name, []).append(events_by_step(spikes).cpu())
        self._spikes = [spikes]

    def _note_output(self, name: str, output: Tensor) -> None:
        before, outputs = self._outputs
        self._outputs = (name, [*outputs, output] if name == before else [output])

    def _commit(self) -> None:
        self._ended = self._fired, [self._outputs[1], self._spikes]
        self._discard()

    def _discard(self) -> None:
        self._fired, self._spikes, self._outputs = {}, [], ("", [])


def record_steps(model: nn.Module) -> StepRecorder:
    """Note what `model` gives at each step while it runs inside a ``with`` block, batch by batch::

    with record_steps(model) as recorder:
        for images in batches:
            recorder.add(model(images))
    """
    return StepRecorder(model)


def steps_among(logits: Tensor, timesteps: int, candidates: Sequence[Sequence[Tensor]]) -> Tensor | None:
    """Outputs at each step, float32 `(T, N, classes)`, among `candidates`, what a layer gave in one or more calls.

    Args:
        logits: the network's outputs `(N, classes)`, the mean or the sum of those of each step.
        timesteps: T.
        candidates: for each layer that may give the outputs, its calls in order.

    Returns:
        The steps, scaled so that their mean over T is `logits`; None where no candidate makes them up.
    """
    logits = logits.float().cpu()
    for outputs in candidates:
        if timesteps and sum(output.numel() for output in outputs) == timesteps * logits.numel():
            steps = torch.cat([output.reshape(-1, *logits.shape) for output in outputs]).float().cpu()
            for scale in (1, timesteps):
                if torch.allclose(steps.mean(0) * scale, logits, rtol=_TOLERANCE, atol=_TOLERANCE):
                    return steps * scale
    return None
