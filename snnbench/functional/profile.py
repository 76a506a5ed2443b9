"""The firing of a network on a data set, as exact spike counts per layer, neuron and shard of the samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from snnbench.errors import FiringError
from snnbench.functional.counts import by_units, mean_rate_from_counts, rates_from_counts
from snnbench.functional.layers import Units
from snnbench.functional.spikes import count_by_shard

SHARDS = 20
"""Number K of shards that the jackknife leaves out one at a time; sample i is in shard i mod K."""


@dataclass(frozen=True, eq=False, repr=False)
class LayerFiring:
    """Spike counts of one layer.

    Attributes:
        counts: int64 `(K, *features)`, spikes per shard and neuron, summed over the shard's samples and all T steps.
        steps: int64 `(K, T)`, spikes of the whole layer per shard and step.
        samples: int64 `(K,)`, number of samples in each shard.
    """

    counts: Tensor
    steps: Tensor
    samples: Tensor

    @classmethod
    def empty(
        cls, features: Sequence[int], timesteps: int, shards: int = SHARDS, device: torch.device | str = "cpu"
    ) -> Self:
        """Counters at zero, for `count_by_shard` to fill."""
        sizes = ((shards, *features), (shards, timesteps), (shards,))
        return cls(*(torch.zeros(size, dtype=torch.int64, device=device) for size in sizes))

    @property
    def features(self) -> tuple[int, ...]:
        """Shape of the layer's output for one sample and step."""
        return tuple(self.counts.shape[1:])

    @property
    def neurons(self) -> int:
        """Number of neurons of the layer."""
        return self.counts[0].numel()

    @property
    def timesteps(self) -> int:
        """T, the number of time steps."""
        return self.steps.shape[1]

    def __add__(self, other: LayerFiring) -> LayerFiring:
        """Counts of both, shard by shard."""
        return LayerFiring(self.counts + other.counts, self.steps + other.steps, self.samples + other.samples)

    def __eq__(self, other: object) -> bool:
        """Whether every count is the same."""
        if not isinstance(other, LayerFiring):
            return NotImplemented
        return all(torch.equal(mine, theirs) for mine, theirs in zip(self._tensors(), other._tensors(), strict=True))

    def __repr__(self) -> str:
        spikes, samples = int(self.counts.sum()), int(self.samples.sum())
        return f"LayerFiring({spikes} spikes of {self.features} neurons in {samples} samples of {self.timesteps} steps)"

    def _tensors(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.counts, self.steps, self.samples


@dataclass(frozen=True, eq=False, repr=False)
class FiringProfile:
    """Exact firing of a network: for each spiking layer, in network order, its spike counts per shard.

    Attributes:
        layers: qualified layer name -> `LayerFiring`. All layers saw the same samples for the same T steps.

    Raises:
        FiringError: if there is no layer, or a layer's counters do not fit together or to the other layers.
    """

    layers: dict[str, LayerFiring]

    def __post_init__(self) -> None:
        if not self.layers:
            raise FiringError("a firing profile needs at least one layer; none was recorded")
        first = next(iter(self.layers.values()))
        for name, layer in self.layers.items():
            _check_layer(name, layer)
            if layer.timesteps != first.timesteps or not torch.equal(layer.samples, first.samples):
                raise FiringError(
                    f"layer {name!r}: saw {int(layer.samples.sum())} samples of {layer.timesteps} steps, other layers "
                    f"{int(first.samples.sum())} of {first.timesteps}; every layer must fire once per sample and step"
                )

    @classmethod
    def from_spikes(cls, spikes: Mapping[str, Tensor], shards: int = SHARDS, first_sample: int = 0) -> Self:
        """Count spikes that are all in memory: layer name -> `(T, N, *features)` with values in {0, 1}."""
        layers = {}
        for name, tensor in spikes.items():
            layer = LayerFiring.empty(tensor.shape[2:], len(tensor), shards, tensor.device)
            count_by_shard(tensor, name, first_sample, layer.counts, layer.steps, layer.samples)
            layers[name] = layer
        return cls(layers)

    @property
    def shards(self) -> int:
        """K, the number of shards."""
        return len(self._first().samples)

    @property
    def samples_per_shard(self) -> Tensor:
        """Number of samples in each shard, int64 `(K,)`."""
        return self._first().samples.cpu()

    @property
    def samples(self) -> int:
        """N, the number of samples over all shards."""
        return int(self._first().samples.sum())

    @property
    def timesteps(self) -> int:
        """T, the number of time steps."""
        return self._first().timesteps

    @property
    def trials(self) -> int:
        """N T, the largest possible count of a neuron over all shards."""
        return self.samples * self.timesteps

    def counts(self) -> dict[str, Tensor]:
        """Spikes of each neuron over all shards: layer -> int64 `(*features)`, values in 0..trials."""
        return {name: layer.counts.sum(0) for name, layer in self.layers.items()}

    def rates(self, units: Units = "neuron") -> dict[str, Tensor]:
        """Firing rate of each unit in spikes per step, float64 in [0, 1]: layer -> `(*features)` or `(channels,)`."""
        return rates_from_counts(*by_units(self.counts(), self.trials, units))

    def mean_rate(self) -> float:
        """Mean firing rate of all neurons in spikes per step, in [0, 1], exact."""
        return mean_rate_from_counts(self.counts(), self.trials)

    def step_counts(self) -> dict[str, Tensor]:
        """Spikes of each layer at each step, over all shards and neurons: layer -> int64 `(T,)`."""
        return {name: layer.steps.sum(0) for name, layer in self.layers.items()}

    def step_places(self) -> dict[str, int]:
        """Largest possible count of each layer at one step: samples times neurons."""
        return {name: self.samples * layer.neurons for name, layer in self.layers.items()}

    def step_rates(self) -> dict[str, Tensor]:
        """Mean rate of each layer at each step, spikes per neuron and step, float64 in [0, 1]: layer -> `(T,)`."""
        return rates_from_counts(self.step_counts(), self.step_places())

    def select(self, shards: Sequence[int]) -> FiringProfile:
        """The profile of some of the shards."""
        index = torch.tensor(list(shards), device=self._first().samples.device)
        return FiringProfile(
            {
                name: LayerFiring(*(tensor.index_select(0, index) for tensor in layer._tensors()))
                for name, layer in self.layers.items()
            }
        )

    def collapsed(self) -> FiringProfile:
        """The same firing in one shard."""
        return FiringProfile({name: _total(layer) for name, layer in self.layers.items()})

    def leave_one_out(self) -> Iterator[FiringProfile]:
        """For each shard that has samples, the one-shard profile of all samples outside it."""
        totals = {name: _total(layer) for name, layer in self.layers.items()}
        for shard in self._first().samples.nonzero().flatten().tolist():
            yield _sound({name: _difference(totals[name], layer, shard) for name, layer in self.layers.items()})

    def __add__(self, other: FiringProfile) -> FiringProfile:
        """The profile of both sets of samples (batches, ranks), shard by shard.

        Raises:
            FiringError: if layers, features, T or the number of shards differ.
        """
        if list(self.layers) != list(other.layers):
            raise FiringError(f"cannot add profiles of layers {list(self.layers)} and {list(other.layers)}")
        for name, layer in self.layers.items():
            theirs = other.layers[name]
            if layer.counts.shape != theirs.counts.shape or layer.steps.shape != theirs.steps.shape:
                raise FiringError(
                    f"layer {name!r}: cannot add profiles of features {layer.features} and {theirs.features}, "
                    f"{layer.timesteps} and {theirs.timesteps} steps, "
                    f"{len(layer.samples)} and {len(theirs.samples)} shards"
                )
        return FiringProfile({name: layer + other.layers[name] for name, layer in self.layers.items()})

    def __eq__(self, other: object) -> bool:
        """Whether both have the same layers, in the same order, with the same counts."""
        if not isinstance(other, FiringProfile):
            return NotImplemented
        return list(self.layers.items()) == list(other.layers.items())

    def __repr__(self) -> str:
        lines = [f"  {name}: {layer!r}" for name, layer in self.layers.items()]
        return "\n".join([f"FiringProfile of {self.samples} samples of {self.timesteps} steps", *lines])

    def to(self, device: torch.device | str) -> FiringProfile:
        """The same profile with its counters on `device`."""
        return FiringProfile(
            {
                name: LayerFiring(*(tensor.to(device) for tensor in layer._tensors()))
                for name, layer in self.layers.items()
            }
        )

    def to_tensors(self) -> dict[str, Tensor]:
        """Tensors for a safetensors file, in the smallest integer type that holds them; `from_tensors` reads them.

        The keys are `index/layer/counts`, `.../steps` and `.../samples`: the index keeps the network order, which a
        safetensors file does not.
        """
        fields = ("counts", "steps", "samples")
        return {
            f"{index:04d}/{name}/{field}": _narrow(getattr(layer, field)).cpu().contiguous()
            for index, (name, layer) in enumerate(self.layers.items())
            for field in fields
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> Self:
        """Read back what `to_tensors` wrote, whatever the order of the keys.

        Raises:
            FiringError: if a key or a field is not one of a profile, or counts and totals disagree.
        """
        fields: dict[tuple[str, str], dict[str, Tensor]] = {}
        for key in sorted(tensors):
            index, name, field = _split_key(key)
            fields.setdefault((index, name), {})[field] = tensors[key].long()
        for (_, name), found in fields.items():
            if set(found) != {"counts", "steps", "samples"}:
                raise FiringError(f"layer {name!r}: a profile needs counts, steps and samples, found {sorted(found)}")
        return cls({name: LayerFiring(**found) for (_, name), found in fields.items()})

    def _first(self) -> LayerFiring:
        return next(iter(self.layers.values()))


def _check_layer(name: str, layer: LayerFiring) -> None:
    if any(tensor.dtype != torch.int64 for tensor in layer._tensors()):
        raise FiringError(f"layer {name!r}: counts, steps and samples of a profile are int64")
    shards = len(layer.samples)
    if layer.counts.shape[:1] != (shards,) or layer.steps.shape[:1] != (shards,) or layer.steps.ndim != 2:
        raise FiringError(
            f"layer {name!r}: counts {tuple(layer.counts.shape)}, steps {tuple(layer.steps.shape)} and samples "
            f"{tuple(layer.samples.shape)} do not share their first dimension, the shards"
        )
    if layer.samples.sum() <= 0 or layer.counts.numel() == 0 or layer.timesteps == 0:
        raise FiringError(f"layer {name!r}: the profile is empty; nothing was recorded")
    per_shard = layer.counts.flatten(1) if layer.counts.ndim > 1 else layer.counts.unsqueeze(1)
    low, high = per_shard.aminmax(dim=1)
    if low.min() < 0 or (high > layer.samples * layer.timesteps).any():
        raise FiringError(f"layer {name!r}: a count lies outside 0..samples*T; the profile is altered or wrongly read")
    if not torch.equal(per_shard.sum(1), layer.steps.sum(1)):
        raise FiringError(
            f"layer {name!r}: spikes per neuron and per step have different totals; the profile is altered"
        )


def _sound(layers: dict[str, LayerFiring]) -> FiringProfile:
    """A profile of layers that need no check: they were made of those of a profile."""
    profile = object.__new__(FiringProfile)
    object.__setattr__(profile, "layers", layers)
    return profile


def _total(layer: LayerFiring) -> LayerFiring:
    return LayerFiring(*(tensor.sum(0, keepdim=True) for tensor in layer._tensors()))


def _difference(total: LayerFiring, layer: LayerFiring, shard: int) -> LayerFiring:
    pairs = zip(total._tensors(), layer._tensors(), strict=True)
    return LayerFiring(*(whole - parts[shard] for whole, parts in pairs))


def _narrow(tensor: Tensor) -> Tensor:
    largest = int(tensor.max())
    fitting = (dtype for dtype in (torch.uint8, torch.int16, torch.int32) if largest <= torch.iinfo(dtype).max)
    return tensor.to(next(fitting, torch.int64))


def _split_key(key: str) -> tuple[str, str, str]:
    index, _, rest = key.partition("/")
    name, _, field = rest.rpartition("/")
    if not index.isdigit() or not rest:
        raise FiringError(f"{key!r} is not a tensor of a firing profile; expected index/layer/counts, steps or samples")
    return index, name, field
