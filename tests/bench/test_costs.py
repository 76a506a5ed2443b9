"""Adding a cost is one entry: it is measured, verified and shown, and no schema changes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import snnbench
from snnbench.bench.costs import COSTS, CostModel
from snnbench.errors import FiringError
from snnbench.leaderboard import add, verify
from snnbench.leaderboard.scorecard import cost_lines
from snnbench.leaderboard.sums import write_sums
from snnbench.records.record import Cost, Record, read_record

NAME = "chip_microjoules"
ADDED = CostModel(
    NAME,
    "energy on a chip, nanojoules",
    1000,
    ".1f",
    lambda costed: 23.6e-6 * costed.outcome.operations.total("events") + 1e-6 * costed.neuron_updates,
)


@pytest.fixture
def entry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setitem(COSTS, NAME, ADDED)
    (cell,) = snnbench.run("uniform", 2, protocol="digits-sew8", out=tmp_path / "cells")
    return add(cell.directory, tmp_path / "boards", declare_findings=True)


def problems(entry: Path) -> list[str]:
    return [problem for verdict in verify(entry) for problem in verdict.problems]


def test_an_added_cost_is_measured_shown_and_verified(entry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = read_record(entry)
    value = 23.6e-6 * record.cost.events.value + 1e-6 * record.cost.neuron_updates
    assert record.costs[NAME].value == pytest.approx(value, rel=1e-12)
    (line,) = [line for line in cost_lines(record) if line.name == ADDED.title]
    assert line.value == f"{1000 * value:.1f}"
    assert not problems(entry)

    file = entry / "record.json"
    document = json.loads(file.read_bytes())
    document["costs"][NAME]["value"] *= 1.01
    file.write_text(json.dumps(document))
    write_sums(entry)
    assert any(f"cost {NAME}" in problem for problem in problems(entry))
    monkeypatch.delitem(COSTS, NAME)
    assert problems(entry) == [f"no cost is called {NAME}"]


def test_a_cost_that_cannot_be_measured_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fails(costed: object) -> float:
        raise FiringError("no such core")

    monkeypatch.setitem(COSTS, NAME, CostModel(NAME, "energy", 1, ".1f", fails))
    (cell,) = snnbench.run("float", protocol="digits-sew8", limit=20, out=tmp_path)
    assert cell.record.costs[NAME].reason == "no such core"
    assert ("energy", "failed") in {line[:2] for line in cost_lines(cell.record)}


def test_records_of_before_have_their_costs_by_name(shipped_boards: Path) -> None:
    record = read_record(min(shipped_boards.glob("*/entries/*")))
    assert record.costs == {}
    found = {name: model.of(record) for name, model in COSTS.items()}
    assert {name: score.value for name, score in found.items()} == plain(record)
    assert set(found) <= set(Cost.model_fields)


def plain(record: Record) -> dict[str, float]:
    """The numbers of the record's fixed fields."""
    values = {name: getattr(value, "value", value) for name, value in record.cost}
    return {name: value for name, value in values.items() if isinstance(value, int | float)}
