"""The report card's lines and the table of metrics: what both have is declared once."""

from __future__ import annotations

from dataclasses import fields

from snnbench.bench.metric import Quantity
from snnbench.bench.metrics import METRICS
from snnbench.own.measures import MEASURES


def test_a_metric_of_protocols_is_shown_as_on_boards() -> None:
    shared = [measure for measure in MEASURES if measure.name in METRICS]
    assert shared
    for measure, field in ((measure, field) for measure in shared for field in fields(Quantity)):
        assert getattr(measure, field.name) == getattr(METRICS[measure.name], field.name)


def test_no_title_is_taken_twice() -> None:
    titles = [*(metric.title for metric in METRICS.values()), *(m.title for m in MEASURES if m.name not in METRICS)]
    assert len(set(titles)) == len(titles)
