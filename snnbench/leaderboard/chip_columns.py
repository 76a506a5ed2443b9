"""The columns of a chip gap, and its lines on an entry's page, from one table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from snnbench.bench.metrics import FIRING_DRIFT, FIRING_EMD
from snnbench.leaderboard.column import Column, ColumnValue
from snnbench.leaderboard.ranking import Row
from snnbench.records.chip import ChipGap
from snnbench.records.score import Score


@dataclass(frozen=True)
class GapScore:
    """A score of a chip gap and how it is shown: times `scale`, in `form`."""

    name: str
    heading: str
    about: str
    scale: float
    form: str

    def value(self, gap: ChipGap) -> float | None:
        """The plain value."""
        score: Score = getattr(gap, self.name)
        return score.value

    def text(self, gap: ChipGap) -> str:
        """The value as it is shown, or ``failed``."""
        value = self.value(gap)
        return "failed" if value is None else f"{self.scale * value:{self.form}}"

    def interval(self, gap: ChipGap) -> str:
        """The ends of its interval; empty without one."""
        score: Score = getattr(gap, self.name)
        return " to ".join(f"{self.scale * end:{self.form}}" for end in (score.low, score.high) if end is not None)


GAP_SCORES = (
    GapScore("accuracy", "chip accuracy %", "accuracy on the chip, by which rows of a chip are ranked", 100, ".2f"),
    GapScore("accuracy_change", "chip change", "accuracy on the chip minus that of float states, points", 100, "+.2f"),
    GapScore(
        FIRING_EMD.name, "chip EMD", "EMD on the chip to float states, by which rows of a chip are ranked", 1, ".4f"
    ),
    GapScore(FIRING_DRIFT.name, "chip drift", "drift on the chip from float states, spikes per step", 1, ".4f"),
    GapScore(
        "spikes_differ", "differ %", "images, steps and neurons that fire on the chip or else in floats", 100, ".2f"
    ),
    GapScore("overflow", "overflow ppm", "potentials a million that do not fit in the chip's bits", 1e6, ".1f"),
)


def gap_columns() -> Iterator[Column]:
    """Every score with its interval, and where the gap begins; empty for rows on no chip."""
    for score in GAP_SCORES:
        key, about = f"chip_{score.name}", f"95 % interval of {score.heading}"
        yield Column(key, score.heading, score.about, *_of_gap(score.value, score.text))
        interval = _of_gap(score.interval, score.interval)
        yield Column(f"{key}_interval", f"{score.heading} 95 %", about, *interval, numeric=False)
    about = "layer and step of the first spike that differs on the chip"
    yield Column("chip_first", "first", about, *_of_gap(_first, _first), numeric=False)
    silent = _of_gap(lambda gap: len(gap.silent), lambda gap: str(len(gap.silent)))
    yield Column("chip_silent", "silent", "layers that never fire on the chip", *silent)


def _of_gap(
    value: Callable[[ChipGap], ColumnValue], text: Callable[[ChipGap], str]
) -> tuple[Callable[[Row], ColumnValue], Callable[[Row], str]]:
    """A column's value and text, from those of a gap."""

    def value_of(row: Row) -> ColumnValue:
        gap = row.entry.record.chip
        return value(gap) if gap else None

    def text_of(row: Row) -> str:
        gap = row.entry.record.chip
        return text(gap) if gap else ""

    return value_of, text_of


def _first(gap: ChipGap) -> str:
    return f"{gap.first_layer}, step {gap.first_step}" if gap.first_layer else ""
