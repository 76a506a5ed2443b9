"""Uncertainty of firing metrics: jackknife over the shards of the samples, paired differences, noise floors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import inf, isfinite
from typing import Any, Literal, Protocol, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from snnbench.errors import FiringError
from snnbench.functional.emd import firing_emd
from snnbench.functional.layers import Reduction, Scalar, Units
from snnbench.functional.profile import FiringProfile

CONFIDENCE = 0.95
"""Nominal coverage of every interval."""


class Sharded(Protocol):
    """What the jackknife needs: counts per shard of the samples, as a `FiringProfile` has them."""

    @property
    def samples_per_shard(self) -> Tensor:
        """Number of samples in each shard, int64 `(K,)`."""

    def leave_one_out(self) -> Iterator[Any]:
        """The same without each shard that has samples."""


@dataclass(frozen=True)
class Estimate:
    """A measured value and its interval; `low <= value <= high`."""

    value: float
    low: float
    high: float


def jackknife(
    statistic: Callable[..., float | Tensor],
    *profiles: Sharded,
    bounds: tuple[float, float] = (-inf, inf),
) -> Estimate:
    """95 % interval of a statistic of profiles by the delete-one jackknife over their shards.

    The samples are the test set's, thought of as drawn from a population of images; the interval is for the value
    that infinitely many images would give. `statistic` is computed on all shards, and without each one of them. The
    spread of those values gives the standard error; shards of unequal sizes are weighted as Busing et al. say. The
    quantile is Student's t with K - 1 degrees of freedom.

    Mean absolute differences of noisy rates are biased upward, drift most. The jackknife also estimates that bias, but
    for EMD the corrected value is much noisier than the measured one. So the interval is the hull of both: it reaches
    from t standard errors below the smaller to t standard errors above the larger of the measured and the corrected
    value. The interval contains the measured value.

    docs/uncertainty.md has the measured coverage, and where it fails: drift near 0, and dead fractions. EMD, too, is
    biased near its null, and has an interval of its own (`emd_interval`).

    Args:
        statistic: maps profiles, as many as are given, to a number.
        profiles: profiles of the same samples, so that shards are left out of all of them together.
        bounds: range of the statistic, to which the interval is clipped.

    Raises:
        FiringError: if fewer than two shards have samples, the profiles' samples differ, or a value is not finite.

    Source: Busing, Meijer and van der Leeden 1999, Delete-m jackknife for unequal m, Statistics and Computing 9.
    """
    sizes = _shared_sizes(profiles)
    value = float(statistic(*profiles))
    without = np.array([float(statistic(*rest)) for rest in zip(*(p.leave_one_out() for p in profiles), strict=True)])
    if not (isfinite(value) and np.isfinite(without).all()):
        raise FiringError("the statistic is not finite on all or on some of the shards; it has no interval")
    corrected, reach = jackknife_spread(value, without, sizes)
    low, high = min(value, corrected) - reach, max(value, corrected) + reach
    return Estimate(value, min(max(float(low), bounds[0]), value), max(min(float(high), bounds[1]), value))


def jackknife_spread(value: float, without: NDArray[np.float64], sizes: NDArray[np.float64]) -> tuple[float, float]:
    """A statistic without its jackknife bias, and how far its 95 % interval reaches on either side.

    Args:
        value: the statistic on all shards.
        without: the same without each shard.
        sizes: number of samples in each shard.
    """
    from scipy.stats import t as student

    share = sizes / sizes.sum()
    corrected = len(sizes) * value - ((1 - share) * without).sum()
    pseudo = (value - (1 - share) * without) / share
    error = np.sqrt((share / (1 - share) * (pseudo - corrected) ** 2).mean())
    return float(corrected), float(error * student.ppf((1 + CONFIDENCE) / 2, len(sizes) - 1))


@overload
def noise_floor(profile: FiringProfile, reduction: Scalar = "weighted", units: Units = "neuron") -> Tensor: ...
@overload
def noise_floor(profile: FiringProfile, reduction: Literal["none"], units: Units = "neuron") -> dict[str, Tensor]: ...
def noise_floor(
    profile: FiringProfile, reduction: Reduction = "weighted", units: Units = "neuron"
) -> Tensor | dict[str, Tensor]:
    """Split-half noise floor: `firing_emd` of a network against itself on disjoint halves of the samples.

    Mean over fixed splits: of the K shards in a ring, each run of K/2 consecutive shards against the other half
    (K/2 splits; sample i is in shard i mod K, so that every half is spread over the whole set). It is conservative:
    the halves are of half the size and see different images, while two cells are compared on the same images.
    An EMD below it is not told apart from the choice of images.

    Raises:
        FiringError: if fewer than two shards have samples.
    """
    shards = filled(profile).tolist()
    half = len(shards) // 2
    rings = [shards[start:] + shards[:start] for start in range(half)]
    splits = [(profile.select(ring[:half]), profile.select(ring[half:])) for ring in rings]
    if reduction == "none":
        layers = [firing_emd(a, b, "none", units) for a, b in splits]
        return {name: torch.stack([layer[name] for layer in layers]).mean() for name in profile.layers}
    return torch.stack([firing_emd(a, b, reduction, units) for a, b in splits]).mean()


def seed_floor(profiles: Sequence[FiringProfile], reduction: Scalar = "weighted", units: Units = "neuron") -> Tensor:
    """Seed-to-seed noise floor: mean `firing_emd` over all pairs of references trained from different seeds.

    How far apart networks of one protocol fire that nobody quantized, on the same samples.

    Args:
        profiles: firing of the references, at least two.
        reduction: over layers, as in `firing_emd`.
        units: `neuron` or `channel`.

    Raises:
        FiringError: if there are fewer than two, or they were recorded on different numbers of samples.
    """
    if len(profiles) < 2:
        raise FiringError(f"a seed-to-seed floor needs references of two seeds, got {len(profiles)}")
    if len(samples := {profile.samples for profile in profiles}) > 1:
        raise FiringError(f"references of {sorted(samples)} samples cannot be paired; record all on the same samples")
    return torch.stack([firing_emd(a, b, reduction, units) for a, b in combinations(profiles, 2)]).mean()


def filled(profile: Sharded) -> Tensor:
    sizes = profile.samples_per_shard
    filled = sizes.nonzero().flatten()
    if len(filled) < 2:
        raise FiringError(
            f"{int(sizes.sum())} samples in {len(filled)} shard; an interval or a floor needs samples in two shards"
        )
    return filled


def _shared_sizes(profiles: tuple[Sharded, ...]) -> NDArray[np.float64]:
    first = profiles[0].samples_per_shard
    for other in (profile.samples_per_shard for profile in profiles[1:]):
        if not torch.equal(first, other):
            raise FiringError(
                f"profiles of {int(first.sum())} samples in {len(first)} shards and of {int(other.sum())} in "
                f"{len(other)} cannot be paired; record both networks on the same samples"
            )
    return first[filled(profiles[0])].double().numpy()
