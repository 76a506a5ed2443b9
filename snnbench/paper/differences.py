"""Differences between rows, each with the interval that its number of comparisons asks for, and where it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Literal

from scipy.stats import t as student

from snnbench.examine.compare import difference
from snnbench.functional import CONFIDENCE, SHARDS, Estimate, accuracy_change
from snnbench.paper.cases import Case
from snnbench.records.score import Score

Stand = Literal["for", "against", "open"]
POINT = 0.01


@dataclass(frozen=True)
class PairEvidence:
    """One measured difference.

    Attributes:
        what: what is compared, the same in every seed.
        seed: seed of baseline and fine-tuning; None for a statistic over seeds.
        quantity: what was measured, with its unit.
        estimate: its value and interval; infinite ends where none can be had.
        stand: where the whole interval lies.
        cases: the rows that it is measured on.
    """

    what: str
    seed: int | None
    quantity: str
    estimate: Estimate
    stand: Stand
    cases: tuple[Case, ...] = field(repr=False, default=())


def above(estimate: Estimate, bound: float) -> Stand:
    """For: the whole interval is above `bound`; against: below it."""
    return "for" if estimate.low > bound else "against" if estimate.high < bound else "open"


def below(estimate: Estimate, bound: float) -> Stand:
    """For: the whole interval is below `bound`; against: above it."""
    return above(negated(estimate), -bound)


def negated(estimate: Estimate) -> Estimate:
    """The estimate of the opposite."""
    return Estimate(-estimate.value, -estimate.high, -estimate.low)


def accuracy_difference(first: Case, second: Case, comparisons: int) -> Estimate:
    """Accuracy of `first` minus that of `second` on the same images, a fraction, with its paired interval."""
    return accuracy_change(first.correct, second.correct, shared(comparisons))


def change_from(case: Case, baseline: Case | None, comparisons: int) -> Estimate:
    """Accuracy minus that of `baseline`, or of the reference where that is None."""
    theirs = case.reference_correct if baseline is None else baseline.correct
    return accuracy_change(case.correct, theirs, shared(comparisons))


def emd_difference(first: Score, second: Score, comparisons: int) -> Estimate:
    """EMD minus EMD, spikes per step; their intervals are taken as independent, which is wider than a paired one."""
    return widened(difference(first, second), comparisons)


def emd(score: Score, comparisons: int) -> Estimate:
    """An EMD with its interval; without one if the record has none."""
    assert score.value is not None  # a board refuses failed metrics
    if score.low is None or score.high is None:
        return Estimate(score.value, -inf, inf)
    return widened(Estimate(score.value, score.low, score.high), comparisons)


def shared(comparisons: int) -> float:
    """The level of each of so many intervals that leaves 95 % for all of them (Bonferroni)."""
    return 1 - (1 - CONFIDENCE) / max(1, comparisons)


def widened(estimate: Estimate, comparisons: int) -> Estimate:
    """A 95 % interval at the level of `shared`, either side in the ratio of Student's quantiles over the shards."""
    wanted, usual = (student.ppf((1 + level) / 2, SHARDS - 1) for level in (shared(comparisons), CONFIDENCE))
    factor = float(wanted / usual)
    low, high = estimate.value - estimate.low, estimate.high - estimate.value
    return Estimate(estimate.value, estimate.value - factor * low, estimate.value + factor * high)


def stands(comparisons: Sequence[PairEvidence]) -> dict[str, list[Stand]]:
    """Where each thing that is compared stands, in every seed that has it."""
    found: dict[str, list[Stand]] = {}
    for comparison in comparisons:
        found.setdefault(comparison.what, []).append(comparison.stand)
    return found
