"""The measured network: the protocol's, built anew, with the quantized weights and nothing else that a plugin did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import torch
from torch import Tensor, nn

from snnbench.nn.neurons import SpikingNeuron
from snnbench.nn.recording import spiking_layers
from snnbench.nn.synapses import matrices
from snnbench.quant import Coverage, quantizers
from snnbench.quant.apply import drop_parametrizations, put_quantizer
from snnbench.quant.audit import basis_of

_MEMBRANE = ".state_quantizer."


@dataclass(frozen=True)
class Quantized:
    """A quantized network: which layers were quantized, their declared bits, and which neurons.

    Attributes:
        findings: what its quantizers did to the network beside quantizing it.
    """

    model: nn.Module
    coverage: Coverage
    declared: dict[str, int]
    membranes: tuple[str, ...]
    training_log: tuple[dict[str, float], ...]
    findings: tuple[str, ...] = ()


class Held(nn.Module):
    """In place of a quantizer: the weight is the one that was quantized.

    Attributes:
        basis: what the quantizer says its levels are sums of, if it says so.
    """

    def __init__(self, basis: Tensor | None) -> None:
        super().__init__()
        self.basis = basis

    def forward(self, weight: Tensor) -> Tensor:
        """The weight as it is."""
        return weight


@dataclass
class _Read:
    """What was read from a prepared network: plain tensors, and what is wrong with it."""

    weights: dict[str, Tensor] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)


@torch.no_grad()
def rebuilt(prepared: Quantized, fresh: nn.Module, baseline: Mapping[str, Tensor], *, trained: bool) -> Quantized:
    """The network of `prepared` built anew: hooks, replaced methods and whatever else was done to it is left behind.

    Args:
        prepared: the network that quantizers were applied to.
        fresh: the full-precision network; it becomes the measured one.
        baseline: its weights. Without training, every tensor but the quantized weights stays as it is there.
        trained: whether the other tensors are those that fine-tuning left.
    """
    read = _read_weights(prepared.model)
    read.findings += _additions(prepared.model, fresh)
    bases = {name: basis_of(quantizer) for name, quantizer in quantizers(prepared.model).items()}
    hold(fresh, read.weights, bases)
    own = _own_state(prepared.model)
    if trained:
        fresh.load_state_dict({name: _plain(value) for name, value in own.items()}, strict=False)
    else:
        read.findings += _changes(prepared.model, own, baseline)
    for name, neuron in spiking_layers(prepared.model).items():
        neurons = cast(SpikingNeuron, neuron), cast(SpikingNeuron, fresh.get_submodule(name))
        neurons[1].state_quantizer, neurons[1].site = neurons[0].state_quantizer, neurons[0].site
    return replace(prepared, model=fresh, findings=tuple(read.findings))


def hold(model: nn.Module, weights: Mapping[str, Tensor], bases: Mapping[str, Tensor | None]) -> None:
    """Give the layers of `model` their quantized `weights`, marked as quantized."""
    found = matrices(model)
    for name, weight in weights.items():
        module, tensor = found[name].module, found[name].tensor
        if found[name].is_parametrized:
            drop_parametrizations(found[name])
        setattr(module, tensor, nn.Parameter(weight))  # with its strides: another memory order may round otherwise
        basis = bases.get(name)
        put_quantizer(found[name], Held(None if basis is None else _plain(basis)))


def _read_weights(model: nn.Module) -> _Read:
    read, found = _Read(), matrices(model)
    for name in quantizers(model):
        first, again = (cast(Any, found[name].weight) for _ in range(2))
        if type(first) not in (Tensor, nn.Parameter):
            read.findings.append(f"layer {name} gives a {type(first).__name__} for a weight; its values are measured")
        read.weights[name] = _plain(first)
        if not torch.equal(read.weights[name], _plain(again)):
            read.findings.append(
                f"layer {name} changed its weight from one read to the next, while the network was only evaluated"
            )
    return read


def _plain(tensor: Tensor) -> Tensor:
    """The tensor's own values, whatever a subclass would make of them."""
    with torch._C.DisableTorchFunctionSubclass():
        return torch.Tensor.as_subclass(tensor.detach(), torch.Tensor).clone()


def _own_state(model: nn.Module) -> dict[str, Tensor]:
    """The tensors of the network itself: no quantizer's, and none that one quantizes."""
    found = matrices(model)
    places = [f"{found[name].layer}.parametrizations.{found[name].tensor}." for name in quantizers(model)]
    return {
        name: value
        for name, value in model.state_dict().items()
        if _MEMBRANE not in name and not any(name.startswith(place) for place in places)
    }


def _changes(model: nn.Module, own: Mapping[str, Tensor], baseline: Mapping[str, Tensor]) -> Iterator[str]:
    """A sentence for each tensor that is not the baseline's to the bit, and for each that the baseline lacks."""
    found = matrices(model)
    quantized = {
        found[name].path: value
        for name in quantizers(model)
        if (value := model.state_dict().get(f"{found[name].layer}.parametrizations.{found[name].tensor}.original"))
        is not None
    }
    for name, value in {**own, **quantized}.items():
        if name not in baseline:
            yield f"tensor {name} was added by a quantizer; it was left out"
        elif not _same_bits(value, baseline[name]):
            yield f"tensor {name} was changed by a quantizer; the baseline's was measured"


def _same_bits(value: Tensor, other: Tensor) -> bool:
    mine, theirs = (_plain(each).contiguous().flatten() for each in (value, other))
    return (mine.dtype, mine.shape) == (theirs.dtype, theirs.shape) and mine.view(torch.uint8).equal(
        theirs.view(torch.uint8)
    )


def _additions(model: nn.Module, fresh: nn.Module) -> Iterator[str]:
    """A sentence for each module of `model` that has more hooks than the `fresh` one, or another forward."""
    for name, module in fresh.named_modules():
        mine = model.get_submodule(name)
        own = 2 if not name else 0  # by which quantizers are told of forwards
        if len(_hooks(mine)) > len(_hooks(module)) + own or ("forward" in vars(mine)) > ("forward" in vars(module)):
            yield f"{name or 'the network'} was hooked, or its forward replaced, by a quantizer; that was left out"


def _hooks(module: nn.Module) -> list[Any]:
    return [*module._forward_hooks.values(), *module._forward_pre_hooks.values()]
