"""The range of membrane potentials and the levels that they visit, where a library shows them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import torch
from torch import Tensor, nn

from snnbench.functional.extremes import extremes
from snnbench.nn.hooks import after
from snnbench.nn.libraries import step_mode
from snnbench.nn.neurons import Site, SpikingNeuron
from snnbench.nn.walk import named_modules
from snnbench.quant.packing import NUMBER_BITS, bits_for
from snnbench.quant.watch import MOST_LEVELS, Visited

_FLOAT_ABOVE = 16  # bits a visit
_VISITS, _CHUNK = 2**20, 2**16


def bits_of(visited: Visited) -> int:
    """Bits that number the levels of a membrane; 32 where index and table take more than 16 bits a visit."""
    visits, levels = int(visited.counts.sum()), len(visited.levels)
    size = bits_for(levels) * visits + NUMBER_BITS * levels
    return NUMBER_BITS if levels >= MOST_LEVELS or size > _FLOAT_ABOVE * visits else bits_for(levels)


class PotentialRange:
    """Notes what the membrane potential of every spiking layer does while it is entered: lowest, highest, and levels.

    The range is that of the charged potential, before the reset, in snnbench; of SpikingJelly and snnTorch it is that
    of the potential that is kept after each step, which is all that they show. Levels are those of the potential that
    is stored for the next step, in the first million of a layer. Other layers are left out.
    """

    def __init__(self, model: nn.Module) -> None:
        self._layers = {name: module for name, module in named_modules(model).items() if step_mode(module)}
        self._found: dict[str, tuple[float, float]] = {}
        self._levels: dict[str, Visited] = {}
        self._told: set[str] = set()
        self._undo: list[Callable[[], object]] = []

    def __enter__(self) -> Self:
        for name, module in self._layers.items():
            if isinstance(module, SpikingNeuron):
                self._undo += [self._watch_charge(name, module), self._watch_store(name, module)]
            elif step_mode(module) == "single":
                self._undo.append(after(module, self._hook(name, module)).remove)
            elif hasattr(module, "store_v_seq"):
                self._undo += self._watch_steps(name, module)
        return self

    def __exit__(self, *error: object) -> None:
        while self._undo:
            self._undo.pop()()

    def found(self) -> dict[str, tuple[float, float]]:
        """Layer -> lowest and highest potential in units of its threshold."""
        return dict(self._found)

    def visited(self) -> dict[str, Visited]:
        """Layer -> levels of its stored potentials."""
        return dict(self._levels)

    def bits(self) -> dict[str, int]:
        """Layer -> bits that number the levels of its stored potentials; 32 in float."""
        return {name: bits_of(visited) for name, visited in self._levels.items()}

    def _watch_store(self, name: str, neuron: Any) -> Callable[[], object]:
        store = neuron._store

        def watched(potential: Tensor, site: Site) -> Tensor:
            stored: Tensor = store(potential, site)
            if site == "post_reset":
                self._visit(name, stored)
            return stored

        neuron._store = watched
        return lambda: delattr(neuron, "_store")

    def _visit(self, name: str, stored: Tensor) -> None:
        if name in self._told:
            return
        visited = self._levels.setdefault(name, Visited())
        for part in torch.split(stored.detach().flatten(), _CHUNK):  # in float, the first part mostly has enough
            visited.add(part)
            if bits_of(visited) == NUMBER_BITS or int(visited.counts.sum()) >= _VISITS:
                self._told.add(name)
                return

    def _watch_charge(self, name: str, neuron: Any) -> Callable[[], object]:
        charge = neuron.charge

        def watched(v: Tensor, x: Tensor) -> Tensor:
            charged: Tensor = charge(v, x)
            self._note(name, charged, neuron.threshold)
            return charged

        neuron.charge = watched
        return lambda: delattr(neuron, "charge")

    def _watch_steps(self, name: str, neuron: Any) -> list[Callable[[], object]]:
        """SpikingJelly in step mode m, which keeps the potentials of all steps when it is told to."""

        def note(*_: object) -> None:
            self._note(name, neuron.v_seq, neuron.v_threshold)
            self._visit(name, neuron.v_seq)

        before, neuron.store_v_seq = neuron.store_v_seq, True
        return [after(neuron, note).remove, lambda: setattr(neuron, "store_v_seq", before)]

    def _hook(self, name: str, module: nn.Module) -> Callable[..., None]:
        def note(*_: object) -> None:
            for potential, threshold in (("mem", "threshold"), ("v", "v_threshold")):
                value = getattr(module, potential, None)
                if isinstance(value, Tensor) and value.numel() and hasattr(module, threshold):
                    self._note(name, value, getattr(module, threshold))
                    self._visit(name, value)

        return note

    def _note(self, name: str, potential: Tensor, threshold: Any) -> None:
        limit = torch.as_tensor(threshold).detach().to(potential)
        if limit.numel() == 1:
            low, high = (torch.tensor(extremes(potential), dtype=limit.dtype) / limit.cpu().reshape(())).tolist()
        else:
            low, high = extremes(potential.detach() / limit)
        before = self._found.get(name, (low, high))
        self._found[name] = min(before[0], low), max(before[1], high)
