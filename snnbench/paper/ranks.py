"""Rank correlations over rows, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite, nan

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata

from snnbench.bench.metrics import ACCURACY, FIRING_EMD
from snnbench.examine.compare import difference
from snnbench.functional import CONFIDENCE, Estimate
from snnbench.leaderboard.ranking import accuracy_wins
from snnbench.paper.cases import Case
from snnbench.paper.differences import POINT, PairEvidence, Stand

MOST_ALIKE = 0.9
"""Two orders above this rank correlation are taken as the same."""

_FEWEST, _SAMPLES, _SEED = 8, 2000, 0
_BLOCKS = 20  # signs of all pairs, in all samples at once, would take a gigabyte
Numbers = NDArray[np.float64]


def fewest_cases() -> int:
    """The fewest rows that a rank correlation is taken of."""
    return _FEWEST


def spearman(x: Numbers, y: Numbers) -> Numbers:
    """Spearman's rank correlation along the last axis; not a number where one of the two is constant."""
    a, b = rankdata(x, axis=-1), rankdata(y, axis=-1)
    return _correlation(a - a.mean(-1, keepdims=True), b - b.mean(-1, keepdims=True))


def kendall(x: Numbers, y: Numbers) -> Numbers:
    """Kendall's tau-b along the last axis, for which ties count half on either side; not a number where one of the two
    is constant."""
    a, b = (np.sign(each[..., :, None] - each[..., None, :]) for each in (x, y))
    return _correlation(*(each.reshape(*each.shape[:-2], -1) for each in (a, b)))


def _correlation(a: Numbers, b: Numbers) -> Numbers:
    norm = np.sqrt((a * a).sum(-1) * (b * b).sum(-1))
    return _divided((a * b).sum(-1), norm)


def _divided(top: Numbers, bottom: Numbers) -> Numbers:
    """The quotient; not a number where the divisor is not above 0."""
    quotient: Numbers = np.divide(top, bottom, out=np.full(bottom.shape, nan), where=bottom > 0)
    return quotient


def partial_spearman(x: Numbers, y: Numbers, held: Numbers) -> Numbers:
    """Rank correlation of `x` and `y` along the last axis with `held` held constant.

    Source: Conover 1999, Practical Nonparametric Statistics: the partial correlation of ranks.
    """
    xy, xh, yh = spearman(x, y), spearman(x, held), spearman(y, held)
    rest = (1 - xh * xh) * (1 - yh * yh)
    return _divided(xy - xh * yh, np.sqrt(np.maximum(rest, 0)))


def bootstrap(statistic: Callable[..., Numbers], *columns: Numbers) -> Estimate | None:
    """A statistic of rows with its 95 % interval: percentiles over 2,000 samples of the rows, always the same ones.

    Samples in which the statistic is not defined are left out; None if it is not defined for the rows themselves.
    """
    value = float(statistic(*columns))
    if not isfinite(value):
        return None
    count = len(columns[0])
    drawn = np.random.default_rng(_SEED).integers(0, count, (_SAMPLES, count))
    values = np.concatenate([statistic(*(column[index] for column in columns)) for index in np.split(drawn, _BLOCKS)])
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(values[np.isfinite(values)], [tail, 1 - tail])
    return Estimate(value, min(float(low), value), max(float(high), value))


def rank_comparison(seed: int, cases: Sequence[Case]) -> PairEvidence | None:
    """How alike accuracy and EMD rank the rows of one seed; None if one of them is the same in all rows."""
    accuracy, emd = (column(cases, name) for name in (ACCURACY.name, FIRING_EMD.name))
    estimate = bootstrap(lambda a, b: spearman(a, -b), accuracy, emd)
    if estimate is None:
        return None
    turned = reversals(cases)
    stand: Stand = "open"
    if estimate.high < MOST_ALIKE and turned:
        stand = "for"
    elif estimate.low > MOST_ALIKE:
        stand = "against"
    what = f"{len(cases)} cells; {turned} pairs ranked the other way round{_near(cases)}"
    return PairEvidence(what, seed, "rank correlation of accuracy and -EMD", estimate, stand, tuple(cases))


def _near(cases: Sequence[Case]) -> str:
    """The same among the cells within one point of the reference, for comparison."""
    near = [case for case in cases if abs(case.value("accuracy_change")) <= POINT]
    if len(near) < 3:
        return f"; {len(near)} cells within one point of the reference"
    found = spearman(column(near, ACCURACY.name), -column(near, FIRING_EMD.name))
    return f"; {found:.2f} among the {len(near)} within one point of the reference"


def reversals(cases: Sequence[Case]) -> int:
    """Pairs of rows of which one is more accurate and the other nearer to the reference, both resolved at 95 %."""
    wins = accuracy_wins(torch.stack([case.correct for case in cases]))
    scores = [case.emd for case in cases]
    return sum(
        bool(wins[i, j]) and difference(scores[i], scores[j]).low > 0
        for i in range(len(cases))
        for j in range(len(cases))
    )


def column(cases: Sequence[Case], metric: str) -> Numbers:
    """A metric of all the rows."""
    return np.array([case.score(metric).value for case in cases], dtype=np.float64)
