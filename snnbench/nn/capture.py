"""Every layer's spikes of one forward pass, with their gradient."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import ExitStack
from typing import Any, Self

import torch
from torch import Tensor, nn

from snnbench.errors import FiringError, did_you_mean
from snnbench.functional.packed import PackedSpikes
from snnbench.nn.hooks import told_of_calls
from snnbench.nn.libraries import StepMode, refusal, step_mode
from snnbench.nn.walk import named_modules, several, uncompiled


class SpikeCapture:
    """Keeps the spikes of some layers while it is entered, in which a `model` that is compiled runs eagerly."""

    def __init__(self, layers: dict[str, tuple[nn.Module, StepMode | None]], model: nn.Module | None = None) -> None:
        self._layers, self._model = layers, model
        self._calls: dict[str, list[Tensor]] = {name: [] for name in layers}
        self._watching = ExitStack()

    def __enter__(self) -> Self:
        if self._model is not None:
            self._watching.enter_context(uncompiled(self._model))
        self._watching.enter_context(told_of_calls({n: module for n, (module, _) in self._layers.items()}, self._note))
        return self

    def __exit__(self, *error: object) -> None:
        self._watching.close()

    def take(self, samples: int) -> dict[str, Tensor]:
        """Spikes since the last call, layer -> `(T, N, *features)`, of a batch of so many samples.

        Raises:
            FiringError: naming the layer, if it did not run or its outputs are not spikes of `samples` samples.
        """
        taken = {name: self._joined(name, samples) for name in self._layers}
        for calls in self._calls.values():
            calls.clear()
        return taken

    def _note(self, name: str, inputs: Any, output: Any) -> None:
        self._calls[name].append(output[0] if isinstance(output, (tuple, list)) else output)

    def _joined(self, name: str, samples: int) -> Tensor:
        parts = self._parts(name, samples)
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _parts(self, name: str, samples: int) -> list[Tensor]:
        """What the calls of a layer gave, `(steps, N, *features)` each."""
        module, mode = self._layers[name]
        calls = self._calls[name]
        if not calls:
            raise FiringError(f"layer {name!r} did not run; name the layers that do: layers=[...]")
        if mode is None:
            mode = "multi" if len(calls) == 1 and _may_have_steps(calls[0], samples) else "single"
        parts = [each.unsqueeze(0) if mode == "single" else _steps_first(each, module, mode) for each in calls]
        if any(part.ndim < 2 or part.shape[1] != samples for part in parts):
            raise FiringError(
                f"layer {name!r}: outputs of shape {tuple(calls[0].shape)} in {len(calls)} calls are not spikes of "
                f"{samples} samples, (T, N, *features) at once or (N, *features) a step"
            )
        return parts


class PackedCapture(SpikeCapture):
    """The same with spikes packed where they can be: what fires all its steps at once is packed as soon as it did, so
    that nothing of the size of all layers' spikes is held.

    Args:
        layers: as `spiking_modules` gives them.
        unpacked: names of layers that stay as they are.
    """

    def __init__(self, layers: dict[str, tuple[nn.Module, StepMode | None]], unpacked: Collection[str] = ()) -> None:
        super().__init__(layers)
        self._unpacked, self._packed = frozenset(unpacked), dict[str, PackedSpikes]()

    def take_packed(self, samples: int) -> dict[str, Tensor | PackedSpikes]:
        """As `take`, layer -> packed spikes, or `(T, N, *features)` where they cannot be packed; errors as there."""
        taken = {name: self._pack(name, samples) for name in self._layers}
        for calls in self._calls.values():
            calls.clear()
        self._packed.clear()
        return taken

    def _note(self, name: str, inputs: Any, output: Any) -> None:
        before = self._packed.pop(name, None)
        if before is not None:  # it runs once more: its steps come in several calls
            self._calls[name].append(before.spikes())
        super()._note(name, inputs, output)
        calls = self._calls[name]
        whole = self._layers[name][1] == "multi" and len(calls) == 1 and calls[0].ndim > 1
        packed = PackedSpikes.of(calls[0]) if whole and name not in self._unpacked else None
        if packed is not None:
            self._packed[name] = packed
            calls.clear()

    def _pack(self, name: str, samples: int) -> Tensor | PackedSpikes:
        packed = self._packed.get(name)
        if packed is not None and len(packed.codes) == samples:
            return packed
        if packed is not None:
            self._calls[name].append(packed.spikes())
        packed = None if name in self._unpacked else PackedSpikes.of(*self._parts(name, samples))
        return packed or self._joined(name, samples)


def record_spikes(model: nn.Module, layers: Sequence[str] | None = None) -> SpikeCapture:
    """Keep every layer's spikes, with their gradient, for a loss of one's own::

        with record_spikes(model) as recorder:
            logits = model(images)
            spikes = recorder.take(len(images))  # layer -> (T, N, *features)

    Args:
        model: a network of any library that `snnbench.record_firing` knows.
        layers: names of the spiking layers; by default all that are known. A module of an unknown kind may give all
            steps at once, `(T, N, *features)`, or one step a call.

    Raises:
        FiringError: if there is no spiking layer, `layers` is no list of names, or one is not a module of the model.
    """
    return SpikeCapture(spiking_modules(model, layers), model)


def spiking_modules(
    model: nn.Module, layers: Sequence[str] | None, known: Collection[str] = ()
) -> dict[str, tuple[nn.Module, StepMode | None]]:
    """Spiking layers by name, and how each steps; arguments and errors as in `record_spikes`.

    Without `layers`, those in `known` are taken too, of which the user says what they fire.
    """
    modules = named_modules(model)
    for name in [*(() if layers is None else several(layers)), *known]:
        if name not in modules:
            near = did_you_mean(name, modules) or f"; it has {_some(modules)}"
            raise FiringError(f"{type(model).__name__} has no layer {name!r}{near}")
    if layers is not None:
        return {name: (modules[name], step_mode(modules[name])) for name in layers}
    for name, module in modules.items():
        if name not in known and (reason := refusal(module)):
            raise FiringError(f"layer {name!r}, a {type(module).__name__}, {reason}; say what it fires: kinds={{...}}")
    found = {name: (module, step_mode(module)) for name, module in modules.items()}
    found = {name: pair for name, pair in found.items() if pair[1] or name in known}
    if not found:
        raise FiringError(
            f"{type(model).__name__} has no spiking layer of a library that is known; name its spiking layers: "
            f"layers=[...], of {_some(modules)}"
        )
    return found


def _may_have_steps(spikes: Tensor, samples: int) -> bool:
    """Whether spikes may be (T, N, *features); without features, N numbers of N samples are one step of N neurons."""
    return spikes.ndim > 1 and spikes.shape[1] == samples and (spikes.ndim > 2 or len(spikes) != samples)


def _steps_first(spikes: Tensor, module: Any, mode: StepMode) -> Tensor:
    if mode == "flat":
        spikes = spikes.reshape(module.batch_size, module.num_timesteps, *spikes.shape[1:])
    return spikes if mode == "multi" else spikes.transpose(0, 1)


def _some(modules: dict[str, nn.Module]) -> str:
    names = [name for name, module in modules.items() if name and not any(module.children())]
    return ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
