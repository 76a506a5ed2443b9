"""Recording what each layer of synapses and neurons is asked for, as far as energy needs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, prod
from types import TracebackType
from typing import Any, Self

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from snnbench.errors import FiringError
from snnbench.functional.energy import NeuronLoad, SynapseLoad
from snnbench.nn.libraries import step_mode
from snnbench.nn.neurons import LIFNeuron, PLIFNeuron
from snnbench.nn.synapses import weight_layers

_LEAKY = ("LIF", "Leaky", "Synaptic", "Alpha")


@dataclass
class _Seen:
    inputs: int = 0
    active: int = 0
    outputs: int = 0
    call_inputs: int = 0
    step_outputs: int = 0
    calls: int = 0
    spikes: bool = True


class LoadRecorder:
    """Counts what the layers of a model are asked for while it is entered; see `record_loads`."""

    def __init__(self, model: nn.Module) -> None:
        self._synapses = weight_layers(model)
        self._neurons = {name: module for name, module in model.named_modules() if step_mode(module)}
        self._seen: dict[str, _Seen] = {}
        self._handles: list[RemovableHandle] = []

    def __enter__(self) -> Self:
        for name, module in self._synapses.items():
            self._handles.append(module.register_forward_hook(self._note_synapses(name)))
        for name, module in self._neurons.items():
            self._handles.append(module.register_forward_hook(self._note_neurons(name)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._handles:
            self._handles.pop().remove()

    def synapses(self, samples: int) -> dict[str, SynapseLoad]:
        """Loads of the layers of synapses that ran on so many samples, in the mean a sample.

        Raises:
            FiringError: if none ran.
        """
        ran = {name: module for name, module in self._synapses.items() if name in self._seen}
        if not ran:
            raise FiringError("no convolution or linear layer ran")
        return {name: _synapse_load(module, self._seen[name], samples) for name, module in ran.items()}

    def neurons(self, samples: int) -> dict[str, NeuronLoad]:
        """Loads of the layers of neurons that ran on so many samples, in the mean a sample."""
        ran = {name: module for name, module in self._neurons.items() if name in self._seen}
        return {name: _neuron_load(module, self._seen[name], samples) for name, module in ran.items()}

    def _note_synapses(self, name: str) -> Callable[[Any, Any, Any], None]:
        def note(module: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            x, depth = inputs[0].detach(), module.weight.ndim - 1
            seen = self._seen.setdefault(name, _Seen())
            spikes = bool(((x == 0) | (x == 1)).all())
            seen.spikes &= spikes
            seen.calls += 1
            seen.inputs += x.numel()
            seen.active += int(x.count_nonzero())
            seen.outputs += output.numel()
            seen.call_inputs = max(seen.call_inputs, x.numel())
            seen.step_outputs = output.shape[-depth:].numel()

        return note

    def _note_neurons(self, name: str) -> Callable[[Any, Any, Any], None]:
        def note(module: Any, inputs: Any, output: Any) -> None:
            spikes = output[0] if isinstance(output, (tuple, list)) else output
            seen = self._seen.setdefault(name, _Seen())
            seen.active += int(spikes.count_nonzero())
            seen.outputs += spikes.numel()
            mode = step_mode(module)
            lead = {"single": 1, "flat": 1}.get(str(mode), 2)
            seen.step_outputs = spikes.shape[lead:].numel()

        return note


def record_loads(model: nn.Module) -> LoadRecorder:
    """Count what each layer of `model` is asked for while it runs inside a ``with`` block, as `record_firing` does."""
    return LoadRecorder(model)


def _synapse_load(layer: Any, seen: _Seen, samples: int) -> SynapseLoad:
    linear = isinstance(layer, nn.Linear)
    groups = 1 if linear else layer.groups
    outputs = layer.out_features if linear else layer.out_channels
    kernel = () if linear else layer.kernel_size
    strides = () if linear else layer.stride
    per_group = outputs // groups
    return SynapseLoad(
        linear=linear,
        spikes=seen.spikes,
        inputs=seen.inputs / samples,
        active=seen.active / samples,
        outputs=seen.outputs / samples,
        call_inputs=seen.call_inputs / samples,
        step_outputs=seen.step_outputs,
        reach=per_group * prod(kernel),
        operations=per_group * prod(ceil(k / s) for k, s in zip(kernel, strides, strict=True)),
        row=layer.in_features if linear else prod(layer.weight.shape[1:]),
        kernel=0 if linear else outputs * prod(kernel) * seen.calls / samples,
        weights=layer.weight.numel(),
        biases=0 if layer.bias is None else layer.bias.numel(),
    )


def _neuron_load(layer: nn.Module, seen: _Seen, samples: int) -> NeuronLoad:
    timesteps = round(seen.outputs / (samples * seen.step_outputs))
    named = any(word in type(layer).__name__ for word in _LEAKY)
    leaks = isinstance(layer, (LIFNeuron, PLIFNeuron)) or (named and not type(layer).__name__.startswith("IF"))
    return NeuronLoad(seen.step_outputs, timesteps, seen.active / samples, leaks)
