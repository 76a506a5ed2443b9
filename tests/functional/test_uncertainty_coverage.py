"""The intervals cover what docs/uncertainty.md says; measured anew with other random numbers."""

from __future__ import annotations

from math import sqrt

import pytest
from functional import null_coverage
from functional.coverage import (
    DOCUMENT,
    MARKS,
    REPETITIONS,
    SCENARIOS,
    accuracy_coverage,
    coverage,
    networks,
    rates,
    truths,
)

RIGHT = ["EMD", "EMD, max", "EMD, pooled", "drift", "difference of EMDs", "mean rate"]


@pytest.fixture(scope="module")
def stated() -> dict[str, dict[str, float]]:
    """The table of the document: scenario -> column -> number."""
    lines = DOCUMENT.read_text("utf-8").split(MARKS[0])[1].split(MARKS[1])[0].strip().splitlines()
    header, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    return {row[0]: dict(zip(header[1:], map(float, row[1:]), strict=True)) for row in rows}


def test_stated_coverage_is_nominal_above_the_floor(stated):
    assert list(stated) == [scenario.name for scenario in SCENARIOS]
    above = [row for row in stated.values() if row["EMD / floor"] > 2]
    assert len(above) == 6
    for row in above:
        assert all(92 <= row[name] <= 98 for name in RIGHT), row


def test_stated_coverage_is_not_below_nominal_near_the_floor(stated):
    near = [row for row in stated.values() if 1 < row["EMD / floor"] < 2]
    assert len(near) == 4
    for row in near:
        assert all(92 <= row[name] < 100 for name in RIGHT), row
        assert all(row[name] <= 98 for name in ("drift", "mean rate")), row


def test_the_most_that_is_covered_near_the_floor_is_what_the_documents_say(stated):
    near = [row for row in stated.values() if 1 < row["EMD / floor"] < 2]
    most = max(row["EMD"] for row in near)
    said = f"{min(row['EMD'] for row in near):.1f} to {most:.1f} %"
    assert f"the jackknife's intervals of EMD covered {said}" in " ".join(DOCUMENT.read_text("utf-8").split())


def test_stated_coverage_admits_where_it_fails(stated):
    zero = stated["2,000 samples, 300 neurons, equal rates"]
    assert zero["EMD / floor"] == 0
    assert zero["EMD"] < 50
    assert zero["drift"] < 5
    assert all(row["dead"] > 95 for row in stated.values())


@pytest.mark.parametrize("accuracy", [0.6, 0.752, 0.9, 0.98])
@pytest.mark.parametrize(("samples", "slack"), [(360, 0.02), (10_000, 0.005)])
def test_accuracy_intervals_cover(accuracy, samples, slack):
    assert accuracy_coverage(accuracy, samples) == pytest.approx(0.95, abs=slack)


def test_scenarios_have_the_true_values_that_their_names_promise():
    for scenario in SCENARIOS:
        true = truths(*(rates(each) for each in networks(scenario)))
        assert true["EMD"] <= true["drift"]
        assert (true["drift"] == 0) == ("equal rates" in scenario.name)


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_measured_coverage_is_the_stated_one(stated, scenario):
    repetitions = 100
    measured = coverage(scenario, repetitions, seed=2)
    for name, share in measured.items():
        if name == "floor":
            continue
        expected = stated[scenario.name][name] / 100
        error = sqrt(max(expected * (1 - expected), 0.01) * (1 / repetitions + 1 / REPETITIONS))
        assert share == pytest.approx(expected, abs=4 * error), name


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("multiple", null_coverage.MULTIPLES)
def test_the_interval_covers_from_half_a_null_to_ten(multiple):
    repetitions = 300
    share = null_coverage.coverage(null_coverage.SCENARIO, multiple, repetitions, seed=3)
    error = sqrt(0.95 * 0.05 / repetitions)
    assert share == pytest.approx(0.95, abs=0.02 + 2 * error)


@pytest.mark.slow
def test_the_paired_null_calls_equal_networks_different_on_at_most_one_in_twenty():
    repetitions = 400
    share = null_coverage.called_different(null_coverage.SCENARIO, repetitions, seed=3)
    assert share <= 0.05 + 2 * sqrt(0.05 * 0.95 / repetitions)
