"""What long work tells of itself without a terminal."""

from __future__ import annotations

import io
from typing import NamedTuple

import pytest
from rich.console import Console

from snnbench.cli import reporting
from snnbench.reporting import Pace, span


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 s"), (3, "3 s"), (89, "89 s"), (91, "2 min"), (5000, "83 min"), (6000, "1.7 h"), (9e5, "250.0 h")],
)
def test_a_length_of_time_has_a_sensible_unit(seconds: float, words: str) -> None:
    assert span(seconds) == words


def test_the_first_step_is_left_out_and_nothing_is_told_too_early() -> None:
    pace = Pace()
    # A training that was interrupted after 500 of 1000 steps, and takes an hour to compile.
    told = [pace.left(3600 + 2 * step, 500 + step, 1000) for step in range(6)]
    assert told[:3] == [None, None, None]
    assert told[3:] == [2 * (500 - step) for step in (3, 4, 5)]


class Clock(NamedTuple):
    times: list[float]

    def monotonic(self) -> float:
        return self.times.pop(0)


def test_lines_come_every_half_minute_and_only_with_an_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    reporter, text = reporting.ConsoleReporter(), io.StringIO()
    reporter.console = Console(file=text, width=200)
    monkeypatch.setattr(reporting, "time", Clock([0.0, 600.0, 610.0, 620.0, 630.0, 640.0, 700.0]))
    with reporter.task("Training") as advance:
        for done in range(1, 7):
            advance(done, 1000)
    assert text.getvalue().splitlines() == [
        "Training: 0.4 %, about 2.8 h left",
        "Training: 0.6 %, about 5.5 h left",
    ]
