"""Watching a quantized network run: the weights it really used, the membrane levels it really visited."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from snnbench.nn.hooks import after
from snnbench.nn.neurons import SpikingNeuron
from snnbench.nn.recording import spiking_layers
from snnbench.nn.synapses import matrices
from snnbench.nn.walk import first_tensor, unwrapped
from snnbench.quant.apply import parametrizations_of

MEMBRANE_SAMPLES = 500
"""Membranes are watched while the first so many images run."""

MOST_LEVELS = 2**16
"""Levels are counted no further than this."""


class Visited:
    """The distinct values that a membrane took, sorted, how often each, and the shape of one sample's state."""

    def __init__(self) -> None:
        self.levels, self.counts = torch.empty(0), torch.empty(0, dtype=torch.int64)
        self.features: tuple[int, ...] = ()

    @property
    def at_ends(self) -> float:
        """Part of the visits to the lowest or the highest level."""
        ends = int(self.counts[0]) + (int(self.counts[-1]) if len(self.levels) > 1 else 0)
        return ends / int(self.counts.sum())

    def add(self, states: Tensor) -> None:
        """Count the values of `states` (N, *features); no further levels once there are `MOST_LEVELS`."""
        self.features = tuple(states.shape[1:])
        if len(self.levels) >= MOST_LEVELS:
            return
        values = states.detach().flatten()
        if len(self.levels):
            values = self._count_known(values)
        if len(values):
            self._merge(*torch.unique(values, return_counts=True))

    def _count_known(self, values: Tensor) -> Tensor:
        index = torch.searchsorted(self.levels, values).clamp_(max=len(self.levels) - 1)
        known = self.levels[index] == values
        if known.all():
            self.counts = self.counts + torch.bincount(index, minlength=len(self.levels))
            return values[:0]
        self.counts = self.counts + torch.bincount(index[known], minlength=len(self.levels))
        return values[~known]

    def _merge(self, levels: Tensor, counts: Tensor) -> None:
        old = self.levels.to(levels)
        self.levels, order = torch.cat([old, levels]).sort()
        self.counts = torch.cat([self.counts.to(counts), counts])[order]


class _Guard(nn.Module):
    """In the place of a membrane's quantizer while it is watched: what is noted is what the neuron goes on with."""

    def __init__(self, quantizer: nn.Module, note: Callable[[Tensor], None]) -> None:
        super().__init__()
        self.quantizer, self._note = quantizer, note

    def forward(self, potential: Tensor) -> Tensor:
        """The quantized potential as a plain tensor, whatever a subclass would show of it."""
        states = self.quantizer(potential)
        with torch._C.DisableTorchFunctionSubclass():
            plain = torch.Tensor.as_subclass(states, torch.Tensor)
        self._note(plain)
        return plain

    def state_dict(self, *args: Any, **options: Any) -> Any:
        """That of the quantizer itself."""
        return self.quantizer.state_dict(*args, **options)


class Watch:
    """Notes what a network's quantizers give out while it is entered.

    Attributes:
        weights: layer -> its quantized weight at the first read.
        unsteady: layers whose weight was not the same at every read.
        membranes: layer -> the levels visited.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model, self._handles = model, list[RemovableHandle]()
        self._guarded: list[tuple[SpikingNeuron, nn.Module]] = []
        self._samples = 0
        self.weights: dict[str, Tensor] = {}
        self.unsteady: set[str] = set()
        self.membranes: dict[str, Visited] = {}

    def __enter__(self) -> Self:
        model = unwrapped(self._model)
        self._handles.append(model.register_forward_hook(self._count_samples(), with_kwargs=True))
        for name, matrix in matrices(self._model).items():
            if place := parametrizations_of(matrix):
                self._handles.append(after(place[0], self._note_weight(name)))
        for name, module in spiking_layers(self._model).items():
            if isinstance(module, SpikingNeuron) and module.state_quantizer is not None:
                self.membranes[name] = Visited()
                self._guarded.append((module, module.state_quantizer))
                module.state_quantizer = _Guard(module.state_quantizer, self._note_state(name))
        return self

    def __exit__(self, *error: object) -> None:
        while self._handles:
            self._handles.pop().remove()
        self._leave_membranes()

    def _leave_membranes(self) -> None:
        while self._guarded:
            neuron, quantizer = self._guarded.pop()
            neuron.state_quantizer = quantizer

    def _note_weight(self, name: str) -> Callable[[Any, Any, Tensor], None]:
        def note(inputs: Any, keywords: Any, weight: Tensor) -> None:
            first = self.weights.setdefault(name, weight.detach().clone())
            if not torch.equal(first, weight):
                self.unsteady.add(name)

        return note

    def _note_state(self, name: str) -> Callable[[Tensor], None]:
        def note(states: Tensor) -> None:
            if self._samples < MEMBRANE_SAMPLES:
                self.membranes[name].add(states)

        return note

    def _count_samples(self) -> Callable[..., None]:
        """A hook for whatever form of the network runs, since the guards are in all of them."""

        def count(form: nn.Module, inputs: tuple[Any, ...], keywords: Mapping[str, Any], output: Any) -> None:
            given = first_tensor((inputs, keywords))
            self._samples += 0 if given is None else len(given)
            if self._samples >= MEMBRANE_SAMPLES:
                self._leave_membranes()

        return count
