"""The paired null: how far apart two networks fire that differ by nothing but chance, on the same samples."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from snnbench.errors import FiringError
from snnbench.functional.emd import firing_emd
from snnbench.functional.layers import Scalar, check_choice, pair_layers
from snnbench.functional.profile import FiringProfile
from snnbench.functional.regrouping import Kept, LayerPair

SWAPS = 1000
"""Random swaps of shards, so that a p-value is a multiple of 1/1001."""

STRENGTHS = (0.0, 0.3, 0.6, 0.9, 1.2, 1.6)
"""Multiples of the measured difference for which `Paired.shifted` says what would be measured."""

SHIFTED_SWAPS = 200
"""Swaps for each of the `STRENGTHS`."""

_SEED = 20
_REDUCTIONS = ("weighted", "mean", "max")
# A residual from the mean of K shards is smaller than the noise, by sqrt((K-1)/K); and K shards tell its size with the
# uncertainty for which Student's t reaches farther than the normal distribution (2.09 / 1.96 for K = 20).
_STUDENT = 1.065

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PairedNull:
    """The EMD of two networks among the EMDs after random swaps of shards between them.

    Attributes:
        p_value: probability, in (0, 1], of an EMD at least as large if the networks fired alike: the part of the
            swaps, and of the measured pair as one more, whose EMD is at least as large as the measured one.
        mean: mean EMD of the swaps, spikes per step.
        high: their 95 % quantile, spikes per step.
        swaps: number of random swaps.
    """

    p_value: float
    mean: float
    high: float
    swaps: int


class Paired:
    """Two networks recorded on the same samples, and what becomes of their EMD where shards are swapped between them.

    Where the networks differ by chance alone, it makes no difference which of the two fired on which shard of the
    samples. So each shard is swapped between them with probability 1/2: `SWAPS` times, always the same swaps.

    Raises:
        FiringError: if layers or their shapes differ, or the networks saw different samples.
    """

    def __init__(self, profile: FiringProfile, reference: FiringProfile) -> None:
        _check(profile, reference)
        self.profile, self.reference = profile, reference
        self._neurons = {name: layer.neurons for name, layer in reference.layers.items()}
        self._swaps = np.random.default_rng(_SEED).random((SWAPS, profile.shards)) < 0.5

    def null(self, layers: Collection[str] | None = None) -> PairedNull:
        """Where the EMD (weighted by neurons, over all `layers`) lies among those after swaps, exact in integers.

        Source: Phipson and Smyth 2010, Permutation P-values should never be zero, arXiv 1603.05766.
        """
        return _null(self._reduced(self._swapped, "weighted", layers))

    def layer_nulls(self) -> dict[str, PairedNull]:
        """`null` of every layer by itself."""
        return {name: self.null([name]) for name in self._neurons}

    def shifted(self, reduction: Scalar, layers: Collection[str] | None = None) -> tuple[Floats, Floats]:
        """What would be measured if the networks truly differed by a multiple of what was measured.

        Returns:
            For each of the `STRENGTHS` the true EMD (strengths,), and EMDs that noise as large as that between the
            shards would make of it (strengths, swaps).
        """
        noisy = self._reduced(self._noisy, reduction, layers)
        return self._reduced(self._true, reduction, layers), noisy.reshape(len(STRENGTHS), -1)

    def without_shards(self, reduction: Scalar, layers: Collection[str] | None = None) -> Floats:
        """EMD without each of the shards that have samples, one at a time."""
        return self._reduced(self._without, reduction, layers)

    @cached_property
    def _without(self) -> dict[str, Floats]:
        pairs = zip(self.profile.leave_one_out(), self.reference.leave_one_out(), strict=True)
        emds = [firing_emd(mine, theirs, "none") for mine, theirs in pairs]
        return {name: np.array([float(each[name]) for each in emds]) for name in self._neurons}

    @cached_property
    def _pairs(self) -> dict[str, LayerPair]:
        theirs = self.reference.layers
        return {name: LayerPair.of(layer, theirs[name]) for name, layer in self.profile.layers.items()}

    @cached_property
    def _swapped(self) -> dict[str, Floats]:
        """EMD of each layer as measured, and after each swap."""
        return self._emds(np.vstack([np.ones((1, self._swaps.shape[1])), self._swaps]))

    @cached_property
    def _true(self) -> dict[str, Floats]:
        """EMD of each layer at each strength, (strengths,)."""
        kept = np.repeat((1 + np.array(STRENGTHS)[:, None]) / 2, self.profile.shards, axis=1)
        return {name: pair.sorted_areas(kept) / self._whole(name) for name, pair in self._pairs.items()}

    @cached_property
    def _noisy(self) -> dict[str, Floats]:
        """What is measured of it after each of some swaps of the shards' residuals, (strengths * swaps,)."""
        filled = self.profile.samples_per_shard.numpy() > 0
        signs = np.where(self._swaps[:SHIFTED_SWAPS], 1.0, -1.0)
        noise = signs - signs[:, filled].mean(1, keepdims=True)
        noise *= _STUDENT * np.sqrt(filled.sum() / max(1, filled.sum() - 1))
        return self._emds((1 + np.vstack([strength + noise for strength in STRENGTHS])) / 2)

    def _emds(self, kept: Kept) -> dict[str, Floats]:
        return {name: pair.areas(kept) / self._whole(name) for name, pair in self._pairs.items()}

    def _whole(self, layer: str) -> int:
        """The area of an EMD of 1."""
        return self.reference.trials * self._neurons[layer]

    def _reduced(self, emds: dict[str, Floats], reduction: Scalar, layers: Collection[str] | None) -> Floats:
        check_choice(reduction, _REDUCTIONS, "reduction")
        names = [name for name in emds if layers is None or name in layers]
        rows = np.stack([emds[name] for name in names])
        weights = [self._neurons[name] if reduction == "weighted" else 1 for name in names]
        found: Floats = rows.max(0) if reduction == "max" else np.average(rows, axis=0, weights=weights)
        return found


def paired_null(profile: FiringProfile, reference: FiringProfile) -> PairedNull:
    """Test of "the two networks fire alike" by their `firing_emd`; see `Paired`."""
    return Paired(profile, reference).null()


def _null(emds: Floats) -> PairedNull:
    measured, swapped = emds[0], emds[1:]
    # Equal sums may round differently from one order of layers to another; what is equal counts as at least as large.
    as_large = int((swapped >= measured * (1 - 1e-12)).sum())
    return PairedNull(
        p_value=(1 + as_large) / (1 + len(swapped)),
        mean=float(swapped.mean()),
        high=float(np.quantile(swapped, 0.95)),
        swaps=len(swapped),
    )


def _check(profile: FiringProfile, reference: FiringProfile) -> None:
    for name, (mine, theirs) in pair_layers(profile.counts(), reference.counts()).items():
        if mine.shape != theirs.shape:
            raise FiringError(
                f"layer {name!r}: {tuple(mine.shape)} neurons against {tuple(theirs.shape)} in the reference cannot be"
                " swapped; compare networks of the same layers"
            )
    if not profile.samples_per_shard.equal(reference.samples_per_shard) or profile.timesteps != reference.timesteps:
        raise FiringError("networks of other samples or steps cannot be swapped; record both on the same samples")
