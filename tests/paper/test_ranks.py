"""Rank correlations against SciPy's, and against regression on ranks."""

from __future__ import annotations

from collections.abc import Callable
from math import isnan

import numpy as np
import pytest
from fixtures.rows import Maker
from scipy.stats import rankdata, spearmanr

from snnbench.paper.ranks import bootstrap, kendall, partial_spearman, rank_comparison, spearman


def numbers(seed: int) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    x = generator.normal(size=30)
    return [x, x + generator.normal(size=30), (x * 3).round()]


@pytest.mark.parametrize("seed", range(3))
def test_spearman_is_scipys(seed: int) -> None:
    x, y, ties = numbers(seed)
    assert spearman(x, y) == pytest.approx(spearmanr(x, y).statistic)
    assert spearman(x, ties) == pytest.approx(spearmanr(x, ties).statistic)
    assert isnan(spearman(x, np.ones_like(x)))


@pytest.mark.parametrize("seed", range(3))
def test_the_partial_correlation_is_that_of_what_regression_leaves(seed: int) -> None:
    x, y, held = numbers(seed)

    def left(values: np.ndarray) -> np.ndarray:
        design = np.stack([np.ones(len(values)), rankdata(held)], 1)
        ranks = rankdata(values)
        return ranks - design @ np.linalg.lstsq(design, ranks, rcond=None)[0]

    assert partial_spearman(x, y, held) == pytest.approx(np.corrcoef(left(x), left(y))[0, 1])


@pytest.mark.parametrize("statistic", [spearman, kendall])
def test_a_statistic_of_many_samples_is_that_of_each(statistic: Callable[..., np.ndarray]) -> None:
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(2, 5, 12)).round()
    x[0] = 1.0
    found = statistic(x, y)
    assert isnan(found[0])
    np.testing.assert_array_equal(found, [statistic(*rows) for rows in zip(x, y, strict=True)])
    held = generator.integers(0, 3, (5, 12)).astype(float)
    alone = [partial_spearman(*rows) for rows in zip(x, y, held, strict=True)]
    np.testing.assert_array_equal(partial_spearman(x, y, held), alone)


def test_the_bootstrap_interval_holds_the_value_and_is_always_the_same() -> None:
    x, y, _ = numbers(0)
    first, second = bootstrap(spearman, x, y), bootstrap(spearman, x, y)
    assert first == second
    assert first.low < first.value < first.high
    assert first.high - first.low < 1


def test_methods_ranked_alike_are_against_and_ranked_otherwise_for(make: Maker) -> None:
    alike = [make.case("a", n, accuracy=0.1 * n, emd=0.01 * (10 - n)) for n in range(1, 10)]
    other = [make.case("a", n, accuracy=0.1 * n, emd=0.01 * n) for n in range(1, 10)]
    assert rank_comparison(0, alike).stand == "against"
    found = rank_comparison(0, other)
    assert found.stand == "for"
    assert found.estimate.value == pytest.approx(-1)
    assert "36 pairs" in found.what
