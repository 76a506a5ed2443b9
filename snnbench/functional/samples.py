"""What was seen of each sample, and intervals of any statistic of it by the same jackknife as that of firing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import inf

import torch
from torch import Tensor

from snnbench.errors import FiringError
from snnbench.functional.profile import SHARDS
from snnbench.functional.uncertainty import Estimate, jackknife


@dataclass(frozen=True)
class Samples:
    """Tensors of a row each sample; sample i is in shard i mod `SHARDS`.

    Attributes:
        rows: name -> tensor (N, ...), all of the same N.

    Raises:
        FiringError: if there is no sample, or the tensors have different numbers of them.
    """

    rows: Mapping[str, Tensor]

    def __post_init__(self) -> None:
        sizes = {name: len(each) for name, each in self.rows.items()}
        if len(set(sizes.values())) != 1 or 0 in sizes.values():
            raise FiringError(f"samples need tensors of one number of rows, at least 1; got {sizes}")

    def __getitem__(self, name: str) -> Tensor:
        """The tensor of that name."""
        return self.rows[name]

    @property
    def shards(self) -> Tensor:
        """Shard of each sample, int64 (N,)."""
        return torch.arange(len(next(iter(self.rows.values())))) % SHARDS

    @property
    def samples_per_shard(self) -> Tensor:
        """Number of samples in each shard, int64 (K,)."""
        return torch.bincount(self.shards, minlength=SHARDS)

    def leave_one_out(self) -> Iterator[Samples]:
        """For each shard that has samples, the samples outside it."""
        shards = self.shards
        for shard in self.samples_per_shard.nonzero().flatten().tolist():
            kept = shards != shard
            yield Samples({name: each[kept] for name, each in self.rows.items()})


def estimate_statistic(
    statistic: Callable[[Samples], float | Tensor], samples: Samples, bounds: tuple[float, float] = (-inf, inf)
) -> Estimate:
    """A statistic of samples with its 95 % jackknife interval, clipped to `bounds`.

    Raises:
        FiringError: if fewer than two shards have samples, or a value is not finite.
    """
    return jackknife(statistic, samples, bounds=bounds)
