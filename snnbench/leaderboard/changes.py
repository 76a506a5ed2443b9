"""What moved from one board to another: rows that came or went, and scores of rows that stayed."""

from __future__ import annotations

from dataclasses import dataclass

from snnbench.bench.metrics import FIRING_EMD, columns
from snnbench.errors import RecordError
from snnbench.examine.compare import difference
from snnbench.leaderboard.board import Board, Entry
from snnbench.records import words


@dataclass(frozen=True)
class Change:
    """A row of two boards.

    Attributes:
        row: quantizer, options, bits, mode and seed.
        old: values on the old board, of the metrics that tables show; None if the row is new.
        new: the same on the new board; None if the row is gone.
        separate: whether the intervals separate the EMDs.
    """

    row: str
    old: dict[str, float | None] | None
    new: dict[str, float | None] | None
    separate: bool


def changes(old: Board, new: Board) -> list[Change]:
    """One change a row of either board, matched by what the row asks for; rows with equal scores are left out.

    Raises:
        RecordError: if the boards are of different data sets.
    """
    data = tuple(board.protocol.data.name for board in (old, new))
    if data[0] != data[1]:
        raise RecordError(f"'{old.folder}' and '{new.folder}' are of different data, {data[0]} and {data[1]}")
    before, after = ({words.long(entry.record.cell): entry for entry in board.entries} for board in (old, new))
    found = [_change(row, before.get(row), after.get(row)) for row in sorted(before | after)]
    return [change for change in found if change.old != change.new]


def _change(row: str, old: Entry | None, new: Entry | None) -> Change:
    separate = False
    if old and new:
        gap = difference(new.record.metrics[FIRING_EMD.name], old.record.metrics[FIRING_EMD.name])
        separate = gap.low > 0 or gap.high < 0
    return Change(row, _values(old), _values(new), separate)


def _values(entry: Entry | None) -> dict[str, float | None] | None:
    if entry is None:
        return None
    return {metric.name: entry.record.value(metric.name) for metric in columns(entry.record.metrics)}
