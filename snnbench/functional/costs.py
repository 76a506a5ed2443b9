"""Synaptic operations from real counts, and the usual proxy for their energy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, Self, get_args

import torch
from torch import Tensor

from snnbench.errors import FiringError

MAC_PICOJOULE = 4.6
"""Energy of a 32-bit floating-point multiply-accumulate in 45 nm (Horowitz, ISSCC 2014)."""

AC_PICOJOULE = 0.9
"""Energy of a 32-bit floating-point addition in 45 nm (Horowitz, ISSCC 2014)."""

OperationKind = Literal["events", "accumulates", "macs", "dense"]
KINDS: tuple[OperationKind, ...] = get_args(OperationKind)


def synaptic_operations(counts: Tensor, fan_out: Tensor) -> Tensor:
    """Operations that spikes cause: ``sum_i counts_i F_i`` for counts and fan-outs (*features), int64, exact.

    A neuron's fan-out F is the number of synapses that a spike of it reaches. Between two networks the mean number of
    operations an image differs by at most ``F n T firing_emd`` for a layer of n neurons of uniform fan-out F, and by
    at most ``max(F) n T firing_drift`` for any fan-outs (a convolution's differ at its padding and with its stride).

    Raises:
        FiringError: if the shapes differ.
    """
    if counts.shape != fan_out.shape:
        raise FiringError(f"counts of shape {tuple(counts.shape)} and fan-outs {tuple(fan_out.shape)} do not match")
    return (counts.long() * fan_out.long()).sum()


@dataclass(frozen=True)
class Energy:
    """The 45 nm proxy in picojoule an image: arithmetic alone, no memory, no neuron update, no routing.

    Attributes:
        fixed: multiply-accumulates of layers whose input is not spikes; firing does not change it.
        events: additions that spikes cause.
    """

    fixed: float
    events: float


def energy_proxy(macs: float, accumulates: float) -> Energy:
    """Energy of so many multiply-accumulates and additions an image, at 4.6 pJ and 0.9 pJ."""
    return Energy(fixed=MAC_PICOJOULE * macs, events=AC_PICOJOULE * accumulates)


@dataclass(frozen=True, eq=False)
class Operations:
    """Synaptic operations of a network on a data set, exact, per layer of synapses and shard of the samples.

    Attributes:
        layers: qualified layer name -> int64 (4, K), rows in the order of `KINDS`:
            ``events``: synapses reached by inputs that are not zero, where all inputs are whole numbers (spikes, or
            sums of spikes); ``accumulates``: the same with an input of k counted k times; ``macs``: synapses reached by
            inputs that are not zero, where inputs are real numbers; ``dense``: all synapses, each time the layer runs.
        samples: int64 (K,), samples in each shard; sample i is in shard i mod K.
    """

    layers: dict[str, Tensor]
    samples: Tensor

    @property
    def samples_per_shard(self) -> Tensor:
        """Number of samples in each shard, int64 (K,)."""
        return self.samples

    def per_image(self, kind: OperationKind) -> dict[str, float]:
        """Mean number of operations an image: layer -> operations."""
        row, total = KINDS.index(kind), int(self.samples.sum())
        return {name: int(counts[row].sum()) / total for name, counts in self.layers.items()}

    def total(self, kind: OperationKind) -> float:
        """Mean number of operations an image over all layers."""
        return sum(self.per_image(kind).values())

    def leave_one_out(self) -> Iterator[Self]:
        """For each shard that has samples, the operations of all samples outside it, as one shard."""
        totals = {name: counts.sum(1) for name, counts in self.layers.items()}
        for shard in self.samples.nonzero().flatten().tolist():
            layers = {name: (totals[name] - counts[:, shard]).unsqueeze(1) for name, counts in self.layers.items()}
            yield type(self)(layers, (self.samples.sum() - self.samples[shard]).unsqueeze(0))

    def to_tensors(self) -> dict[str, Tensor]:
        """Tensors for a safetensors file: ``operations/index/layer`` and ``operations/samples``."""
        tensors = {f"operations/{index:04d}/{name}": counts for index, (name, counts) in enumerate(self.layers.items())}
        return {**tensors, "operations/samples": self.samples}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> Self:
        """Read what `to_tensors` wrote among `tensors`, in network order.

        Raises:
            KeyError: if it is not there.
        """
        samples = tensors["operations/samples"]
        found = sorted(key for key in tensors if key.startswith("operations/") and key != "operations/samples")
        return cls({key.split("/", 2)[2]: tensors[key] for key in found}, samples)

    def __eq__(self, other: object) -> bool:
        """Whether every count is the same."""
        if not isinstance(other, Operations):
            return NotImplemented
        same_layers = list(self.layers) == list(other.layers) and torch.equal(self.samples, other.samples)
        return same_layers and all(torch.equal(counts, other.layers[name]) for name, counts in self.layers.items())
