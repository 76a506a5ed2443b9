"""What a quantized network really holds, read from the network while it runs and not from what a quantizer says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from snnbench.nn.neurons import SpikingNeuron
from snnbench.nn.synapses import Matrix, matrices
from snnbench.nn.walk import named_modules, unwrapped
from snnbench.quant.apply import parametrizations_of, quantizers
from snnbench.quant.coding import pack
from snnbench.quant.packing import NUMBER_BITS, Codebook, bits_for
from snnbench.quant.watch import Visited, Watch

IN_FLOAT_ABOVE = 16
"""Bits a weight, its table of levels included, above which weights without a quantizer of snnbench count as float;
those that PyTorch drew at random lie on a grid of 24 bits."""
_MOST_STALLS = 256
_ROUNDING = 4 * float(torch.finfo(torch.float32).eps)


@dataclass(frozen=True)
class WeightAudit:
    """One quantized weight tensor.

    Attributes:
        weights: number of weights.
        levels: distinct values in the output channel that has most.
        distinct_levels: the same, where values that rounding alone sets apart count as one.
        found_bits: bits that number them.
        occupancy: of the 2^b levels of the declared bits, the part that a channel uses, in the mean over channels.
        saturated: part of the weights that lie at their channel's lowest or highest level.
        codebook: what the packed indices stand for (see `Packing`).
        packed_bits: size of indices, scales, bases and levels, in bits.
        steady: whether every read gave the same weights.
        finite: whether every weight is a finite number.
    """

    weights: int
    levels: int
    distinct_levels: int
    found_bits: int
    occupancy: float
    saturated: float
    codebook: Codebook
    packed_bits: int
    steady: bool
    finite: bool


@dataclass(frozen=True)
class MembraneAudit:
    """One layer's membrane potentials, in units of theta, as visited by the first `MEMBRANE_SAMPLES` images.

    Attributes:
        levels: distinct values visited (counted no further than `MOST_LEVELS`).
        found_bits: bits that number them.
        saturated: part of the visits to the lowest or the highest level.
        state_bits: size of the layer's state for one image, in bits.
        stalled_below: the largest distance from rest that the leak does not diminish, since rounding undoes it; None
            if there is no leak, or it never stalls.
    """

    levels: int
    found_bits: int
    saturated: float
    state_bits: int
    stalled_below: float | None


@torch.no_grad()
def audit_weights(model: nn.Module, watch: Watch, declared: Mapping[str, int]) -> dict[str, WeightAudit]:
    """Audit every quantized weight that `model` used while watched; `declared` gives each layer's bits."""
    made = quantizers(model)
    return {
        name: _audit_weight(weight, declared[name], basis_of(made[name]), name not in watch.unsteady)
        for name, weight in watch.weights.items()
    }


@torch.no_grad()
def used_weights(model: nn.Module, names: Iterable[str], used: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What layers, and modules with a matrix of parameters, multiply with, by the names that `full_precision` gives.

    `used` has what modules multiplied with; a matrix that is no layer's counts if it is there.
    """
    known, plain = matrices(model), dict(model.named_parameters())
    layers = {name: (known[name].layer, known[name].weight) for name in names if name in known}
    others = {name: (name.rpartition(".")[0], plain[name]) for name in names if name in plain and name not in known}
    layers |= {name: place for name, place in others.items() if is_used(*place, used)}
    return {name: multiplied(*place, used) for name, place in layers.items()}


def audit_undeclared(weight: Tensor) -> WeightAudit | None:
    """Audit a weight that nobody said the bits of; None if it is in full precision."""
    if pack(weight).bits > IN_FLOAT_ABOVE * weight.numel():
        return None
    return _audit_weight(weight, bits_for(most_levels(weight)), None, True)


def is_used(module: str, weight: Tensor, used: Mapping[str, Tensor]) -> bool:
    """Whether `module` multiplied with something in place of `weight`, or with itself."""
    return module in used and used[module].shape == weight.shape


def multiplied(module: str, weight: Tensor, used: Mapping[str, Tensor]) -> Tensor:
    """What `module` multiplied with in place of `weight`, in float32 on the CPU."""
    taken = used[module] if is_used(module, weight, used) else weight
    return taken.detach().float().cpu()


@torch.no_grad()
def audit_membranes(model: nn.Module, watch: Watch) -> dict[str, MembraneAudit]:
    """Audit every quantized membrane that was visited while watched."""
    modules = named_modules(model)
    return {
        name: _audit_membrane(cast(SpikingNeuron, modules[name]), visited)
        for name, visited in watch.membranes.items()
        if len(visited.levels)
    }


def full_precision(model: nn.Module) -> tuple[str, ...]:
    """Layers whose weight is not quantized, and any other matrix of parameters, by qualified name."""
    made = quantizers(model)
    floats = {name: matrix for name, matrix in matrices(model).items() if name not in made}
    known = {id(value) for matrix in floats.values() for value in _weight_state(matrix)}
    return (*floats, *(name for name, value in _plain_state(model) if value.ndim > 1 and id(value) not in known))


def float_bits(model: nn.Module) -> int:
    """Size in bits of all parameters and statistics that are not quantized, biases and batch norms among them."""
    return NUMBER_BITS * sum(value.numel() for _, value in _plain_state(model) if value.is_floating_point())


def float_share(model: nn.Module) -> float:
    """Share of the weights that stay in full precision, in [0, 1]: of all matrices of parameters, biases and batch
    norms aside."""
    inside = sum(matrix.weight.numel() for matrix in matrices(model).values() if matrix.is_parametrized)
    plain = (value for _, value in _plain_state(model) if isinstance(value, nn.Parameter))
    outside = sum(value.numel() for value in plain if value.ndim > 1)
    return outside / (inside + outside)


def most_levels(weight: Tensor) -> int:
    """The largest number of distinct values in any output channel (dimension 0) of `weight`."""
    return int(_levels_per_channel(weight).max())


def distinct_levels(weight: Tensor) -> int:
    """The same, where values that rounding alone sets apart count as one."""
    return int(_levels_per_channel(weight, _ROUNDING).max())


def _levels_per_channel(weight: Tensor, apart: float = 0.0) -> Tensor:
    """Values of each channel that are more than `apart`, in units of its largest magnitude, above the next smaller."""
    rows = weight.flatten(1).sort(dim=1).values
    largest = rows.abs().amax(dim=1, keepdim=True)
    return (rows.diff(dim=1) > apart * largest).sum(dim=1) + 1


def _audit_weight(weight: Tensor, declared: int, basis: Tensor | None, steady: bool) -> WeightAudit:
    rows = weight.flatten(1)
    counts = _levels_per_channel(weight)
    low, high = rows.aminmax(dim=1, keepdim=True)
    packing = pack(weight, basis)
    return WeightAudit(
        weights=weight.numel(),
        levels=int(counts.max()),
        distinct_levels=distinct_levels(weight),
        found_bits=bits_for(int(counts.max())),
        occupancy=float(counts.double().mean()) / 2**declared,
        saturated=float(((rows == low) | (rows == high)).double().mean()),
        codebook=packing.codebook,
        packed_bits=packing.bits,
        steady=steady,
        finite=bool(weight.isfinite().all()),
    )


def _audit_membrane(neuron: SpikingNeuron, visited: Visited) -> MembraneAudit:
    levels = len(visited.levels)
    bits = bits_for(levels)
    return MembraneAudit(
        levels=levels,
        found_bits=bits,
        saturated=visited.at_ends,
        state_bits=bits * torch.Size(visited.features).numel(),
        stalled_below=stalled_below(neuron, visited.levels, visited.features),
    )


def stalled_below(neuron: SpikingNeuron, levels: Tensor, features: tuple[int, ...]) -> float | None:
    """The largest distance from rest, in units of theta, among `levels` that the leak does not diminish.

    A potential stalls where, without input, the quantizer rounds the decayed value back to it. The levels nearest to
    rest are tried, at most 256.
    """
    rest = neuron.v_reset / float(neuron.threshold)
    below = levels[levels < 1]
    nearest = below[(below - rest).abs().argsort()][:_MOST_STALLS]
    stalled = [abs(float(level) - rest) for level in nearest if _stalls(neuron, level, features)]
    return max(stalled, default=None)


def _stalls(neuron: SpikingNeuron, level: Tensor, features: tuple[int, ...]) -> bool:
    state = level.expand(1, *features)
    potential = state * neuron.threshold
    decayed = neuron.charge(potential, torch.zeros_like(potential))
    assert neuron.state_quantizer is not None
    stored: Tensor = neuron.state_quantizer(decayed / neuron.threshold)
    return bool(((stored == state) & (decayed != potential)).any())


def basis_of(quantizer: nn.Module) -> Tensor | None:
    """The numbers that a quantizer says its levels are sums of; None if it says none."""
    basis = getattr(quantizer, "basis", None)
    return basis if isinstance(basis, Tensor) else None


def _plain_state(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Parameters and buffers by qualified name, each once, but for those of quantizers and of what they quantize."""
    modules = named_modules(model)
    found = (parametrizations_of(matrix) for matrix in matrices(model).values())
    quantizing = [place[0] for place in found if place]
    states = (each.state_quantizer for each in modules.values() if isinstance(each, SpikingNeuron))
    quantizing += [each for each in states if each is not None]
    seen = {id(value) for module in quantizing for value in _state(module).values()}
    for name, value in _state(unwrapped(model)).items():
        if id(value) not in seen:
            seen.add(id(value))
            yield name, value


def _weight_state(matrix: Matrix) -> Iterable[Tensor]:
    if not matrix.is_parametrized:
        return [matrix.weight]
    return _state(cast(Any, matrix.module.parametrizations)[matrix.tensor]).values()


def _state(module: nn.Module) -> dict[str, Tensor]:
    return module.state_dict(keep_vars=True)
