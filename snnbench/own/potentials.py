"""The range of membrane potentials, where a library shows them."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor, nn

from snnbench.nn.libraries import step_mode
from snnbench.nn.neurons import SpikingNeuron


class PotentialRange:
    """Notes the lowest and highest membrane potential of every spiking layer while it is entered.

    Of snnbench and snnTorch it is the charged potential, before the reset; of SpikingJelly in single-step mode the
    potential after the reset, which is all that it shows. Other layers are left out.
    """

    def __init__(self, model: nn.Module) -> None:
        self._layers = {name: module for name, module in model.named_modules() if step_mode(module)}
        self._found: dict[str, tuple[float, float]] = {}
        self._undo: list[Callable[[], object]] = []

    def __enter__(self) -> Self:
        for name, module in self._layers.items():
            if isinstance(module, SpikingNeuron):
                self._undo.append(self._watch_charge(name, module))
            elif step_mode(module) == "single":
                self._undo.append(module.register_forward_hook(self._hook(name)).remove)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._undo:
            self._undo.pop()()

    def found(self) -> dict[str, tuple[float, float]]:
        """Layer -> lowest and highest potential in units of its threshold."""
        return dict(self._found)

    def _watch_charge(self, name: str, neuron: Any) -> Callable[[], object]:
        charge = neuron.charge

        def watched(v: Tensor, x: Tensor) -> Tensor:
            charged: Tensor = charge(v, x)
            self._note(name, charged, neuron.threshold)
            return charged

        neuron.charge = watched
        return lambda: delattr(neuron, "charge")

    def _hook(self, name: str) -> Callable[[Any, Any, Any], None]:
        def note(module: Any, inputs: Any, output: Any) -> None:
            for potential, threshold in (("mem", "threshold"), ("v", "v_threshold")):
                value = getattr(module, potential, None)
                if isinstance(value, Tensor) and value.numel() and hasattr(module, threshold):
                    self._note(name, value, getattr(module, threshold))

        return note

    def _note(self, name: str, potential: Tensor, threshold: Any) -> None:
        low, high = torch.aminmax(potential.detach() / torch.as_tensor(threshold).to(potential))
        before = self._found.get(name, (float(low), float(high)))
        self._found[name] = min(before[0], float(low)), max(before[1], float(high))
