"""A score as JSON: measured or failed, and as it was written before."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from snnbench.bench.score import measured
from snnbench.errors import FiringError
from snnbench.functional import Estimate
from snnbench.records.record import Score


def fails() -> float:
    raise FiringError("no spikes")


@pytest.mark.parametrize(
    ("metric", "document"),
    [
        (lambda: Estimate(0.5, 0.4, 0.6), {"value": 0.5, "low": 0.4, "high": 0.6}),
        (lambda: 0.5, {"value": 0.5, "low": None, "high": None}),
        (fails, {"value": None, "reason": "no spikes"}),
    ],
)
def test_a_score_has_the_keys_it_needs_and_no_others(metric, document) -> None:
    score = measured(metric)
    assert json.loads(score.model_dump_json()) == document
    assert list(score.model_dump()) == list(document)
    assert Score.model_validate_json(score.model_dump_json()) == score


@pytest.mark.parametrize(
    "text",
    [
        '{"value":0.5,"low":0.4,"high":0.6,"reason":null}',
        '{"value":null,"low":null,"high":null,"reason":"no spikes"}',
    ],
)
def test_a_score_of_an_earlier_record_is_read_and_written_as_it_was(text: str) -> None:
    assert Score.model_validate_json(text).model_dump_json() == text


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
