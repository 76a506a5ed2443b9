"""Kendall's tau against SciPy's; rows far from the reference do not count, and few rows resolve nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fixtures.rows import Maker, score
from scipy.stats import kendalltau

from snnbench.paper.cases import Case, Rows
from snnbench.paper.orders import by_metric, corrupted, disagreement, energy, orders, orders_loss
from snnbench.paper.questions import QUESTIONS
from snnbench.paper.ranks import kendall


@pytest.mark.parametrize("seed", range(3))
def test_kendall_is_scipys(seed: int) -> None:
    generator = np.random.default_rng(seed)
    x, y = generator.normal(size=30), generator.integers(0, 5, 30).astype(float)
    for other in (x, x + generator.normal(size=30), y):
        assert kendall(x, other) == pytest.approx(kendalltau(x, other).statistic)
    assert np.isnan(kendall(x, np.ones(30)))


def row(make: Maker, bits: int, *, accuracy: float = 0.8, error: float, seed: int = 0) -> Case:
    case = make.case("a", bits, accuracy=accuracy, emd=0.01 * bits, seed=seed, drift=0.01 * (20 - bits))
    case.record.metrics["calibration_error"] = score(error)
    return case


def test_rows_within_one_point_are_ordered(make: Maker) -> None:
    cases = [row(make, bits, error=0.001 * bits**2) for bits in range(1, 10)]
    far = row(make, 10, accuracy=0.7, error=0.0)
    (found,) = orders("EMD", by_metric("calibration_error"))(make.rows(*cases, far))
    assert (found.what, found.stand, found.estimate.value) == ("n = 9", "for", 1)
    (found,) = orders("drift", by_metric("calibration_error"))(make.rows(*cases, far))
    assert (found.stand, found.estimate.value) == ("against", -1)


def test_rows_of_one_network_count_once(make: Maker) -> None:
    cases = [row(make, bits, error=0.001 * bits**2) for bits in range(1, 10)]
    same = make.case("b", 4, accuracy=0.8, emd=cases[3].value("firing_emd"), drift=cases[3].value("firing_drift"))
    same.record.metrics["calibration_error"] = score(0.016)
    (found,) = orders("EMD", by_metric("calibration_error"))(make.rows(*cases, same))
    assert found.what == "n = 9"


def test_few_rows_resolve_nothing(make: Maker) -> None:
    cases = [row(make, bits, error=0.01 * bits, seed=seed) for bits in range(1, 6) for seed in (0, 1)]
    first, second = orders("EMD", by_metric("calibration_error"))(make.rows(*cases))
    assert (first.seed, second.seed) == (0, 1)
    assert (first.what, first.stand) == ("n = 5, fewer than 8", "open")
    assert (first.estimate.value, first.estimate.low, first.estimate.high) == (1, -1, 1)


def test_rows_without_the_metric_are_left_out(make: Maker) -> None:
    cases = [make.case("a", bits, accuracy=0.8, emd=0.01 * bits) for bits in range(1, 10)]
    assert not list(orders("EMD", by_metric("exit_steps"))(make.rows(*cases)))
    assert not list(orders("EMD", energy)(make.rows(*cases)))  # all of one energy: there is no order


def test_corruption_loss_is_between_a_board_and_that_of_corrupted_images(make: Maker) -> None:
    clean = [make.case("a", bits, accuracy=0.8, emd=0.01 * bits) for bits in range(1, 10)]
    dirty = [make.case("a", bits, accuracy=0.6 - 0.01 * bits, emd=0.01 * bits) for bits in range(1, 10)]
    (found,) = orders_loss("EMD")(list(zip(clean, dirty, strict=True)))
    assert (found.stand, found.estimate.value) == ("for", 1)
    data = make.board.protocol.data.model_copy(update={"name": "cifar10c"})
    board = replace(make.board, protocol=make.board.protocol.model_copy(update={"data": data}))
    rows = make.rows(*clean)
    assert corrupted(rows, Rows(board, "ptq", tuple(dirty)))
    assert not corrupted(rows, rows)


def test_decisions_are_ordered_where_records_hold_them(make: Maker) -> None:
    cases = [make.case("a", bits, accuracy=0.8, emd=0.01 * bits) for bits in range(1, 10)]
    assert disagreement(cases[0]) is None
    for bits, case in enumerate(cases):
        case.record.metrics["agreement"] = score(1 - 0.01 * bits)
    (found,) = orders("EMD", disagreement)(make.rows(*cases))
    assert (found.stand, found.estimate.value) == ("for", 1)


def test_a_question_says_what_no_board_has(make: Maker) -> None:
    cases = [make.case("a", bits, accuracy=0.8, emd=0.01 * bits) for bits in range(1, 10)]
    rows = make.rows(*cases)
    lacking = {each.number: each.missing for each in QUESTIONS if not list(each.compare(rows))}
    assert lacking["7c"] == "no board has rows with `calibration_error`"
    assert lacking["7k"] == "no board has rows with `agreement`"
    assert lacking["10"] == "no board has the cells"
