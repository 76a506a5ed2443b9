"""Recording what each layer of synapses is asked for, as far as energy needs it; and the same of neurons."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, prod
from typing import Any, Self

from torch import Tensor, nn

from snnbench.errors import FiringError
from snnbench.functional.energy import NeuronLoad, SynapseLoad
from snnbench.functional.profile import SHARDS
from snnbench.nn.hooks import told_of_calls
from snnbench.nn.inputs import reach
from snnbench.nn.neurons import LIFNeuron, PLIFNeuron
from snnbench.nn.synapses import OperationRecorder, features_of

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


class LoadRecorder(OperationRecorder):
    """Counts operations, and what the layers of a model are asked for, while it is entered; see `record_loads`."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__(model, SHARDS)
        self._seen: dict[str, _Seen] = {}

    def __enter__(self) -> Self:
        super().__enter__()
        self._exit.enter_context(told_of_calls(self._layers, self._note_outputs))
        return self

    def synapses(self, samples: int) -> dict[str, SynapseLoad]:
        """Loads of the layers of synapses that ran on so many samples, in the mean a sample.

        Raises:
            FiringError: if none ran.
        """
        ran = {name: module for name, module in self._layers.items() if name in self._seen}
        if not ran:
            raise FiringError("no convolution or linear layer ran")
        return {name: _synapse_load(module, self._seen[name], samples) for name, module in ran.items()}

    def _reached(self, name: str, rows: Tensor, fan: Tensor) -> tuple[Tensor, bool]:
        found, seen = reach(rows, fan), self._seen.setdefault(name, _Seen())
        seen.spikes &= found.binary
        seen.calls += 1
        seen.inputs += rows.numel()
        seen.active += found.active
        seen.call_inputs = max(seen.call_inputs, rows.numel())
        return found.counts, found.whole

    def _note_outputs(self, name: str, inputs: Any, output: Tensor) -> None:
        if self._running:
            depth = features_of(self._layers[name])
            self._seen[name].outputs += output.numel()
            self._seen[name].step_outputs = output.shape[-depth:].numel()


def record_loads(model: nn.Module) -> LoadRecorder:
    """Count what each layer of `model` is asked for while it runs inside a ``with`` block, as `record_operations` does
    (its `operations` are the same)."""
    return LoadRecorder(model)


def neuron_load(layer: nn.Module, neurons: int, timesteps: int, spikes: float) -> NeuronLoad:
    """What a layer of so many neurons did, which sent so many spikes a sample in all steps."""
    named = any(word in type(layer).__name__ for word in _LEAKY)
    leaks = isinstance(layer, (LIFNeuron, PLIFNeuron)) or (named and not type(layer).__name__.startswith("IF"))
    return NeuronLoad(neurons, timesteps, spikes, leaks)


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
