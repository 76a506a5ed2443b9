"""A score as JSON: measured or failed, and as it was written before; and records that are filed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from oracles.shipped import BOARDS, needs_boards
from pydantic import ValidationError

from snnbench.bench.score import measured
from snnbench.errors import FiringError, RecordError
from snnbench.functional import Estimate
from snnbench.records.record import read_record
from snnbench.records.score import Score

FILED = sorted(BOARDS.glob("*/entries/*/record.json"))


def fails() -> float:
    raise FiringError("no spikes")


@pytest.mark.parametrize(
    ("metric", "document"),
    [
        (lambda: Estimate(0.5, 0.4, 0.6), {"value": 0.5, "low": 0.4, "high": 0.6}),
        (lambda: 0.5, {"value": 0.5}),
        (fails, {"value": None, "reason": "no spikes"}),
    ],
)
def test_a_score_has_the_keys_it_needs_and_no_others(metric, document) -> None:
    score = measured(metric)
    assert json.loads(score.model_dump_json()) == document
    assert list(score.model_dump()) == list(document)
    assert Score.model_validate_json(score.model_dump_json()) == score


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ('{"value":0.5,"low":0.4,"high":0.6,"reason":null}', Score(value=0.5, low=0.4, high=0.6)),
        ('{"value":0.5,"low":null,"high":null}', Score(value=0.5)),
        ('{"value":null,"low":null,"high":null,"reason":"no spikes"}', Score(value=None, reason="no spikes")),
    ],
)
def test_a_score_of_an_earlier_record_says_the_same(text: str, score: Score) -> None:
    assert Score.model_validate_json(text, strict=True) == score


@pytest.mark.parametrize(
    "document",
    [
        {"value": None},
        {"value": 0.5, "reason": "no spikes"},
        {"value": None, "low": 0.1, "high": 0.2, "reason": "no spikes"},
        {"value": float("nan")},
    ],
)
def test_what_is_neither_measured_nor_failed_is_refused(document) -> None:
    with pytest.raises(ValidationError):
        Score(**document)


@needs_boards
@pytest.mark.parametrize("wrong", ["12.5", None, [1.0]])
def test_a_number_that_is_written_as_something_else_is_refused(wrong: object, tmp_path: Path) -> None:
    file = next(iter(FILED))
    document = json.loads(file.read_bytes()) | {"seconds": wrong}
    (tmp_path / "record.json").write_text(json.dumps(document))
    with pytest.raises(RecordError, match=r"not valid \(seconds"):
        read_record(tmp_path)
