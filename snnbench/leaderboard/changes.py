"""What moved from one board to another: rows that came or went, and scores of rows that stayed."""

from __future__ import annotations

from dataclasses import dataclass

from snnbench.examine.compare import difference
from snnbench.leaderboard.board import Board, Entry
from snnbench.records.labels import label

SHOWN = ("accuracy", "firing_emd", "firing_drift", "dead_fraction")


@dataclass(frozen=True)
class Change:
    """A row of two boards.

    Attributes:
        row: quantizer, options, bits, mode and seed.
        old: values of `SHOWN` on the old board; None if the row is new.
        new: the same on the new board; None if the row is gone.
        separate: whether the intervals separate the EMDs.
    """

    row: str
    old: dict[str, float | None] | None
    new: dict[str, float | None] | None
    separate: bool


def changes(old: Board, new: Board) -> list[Change]:
    """One change a row of either board, matched by what the row asks for; rows with equal scores are left out."""
    before, after = ({_row(entry): entry for entry in board.entries} for board in (old, new))
    found = [_change(row, before.get(row), after.get(row)) for row in sorted(before | after)]
    return [change for change in found if change.old != change.new]


def _row(entry: Entry) -> str:
    cell = entry.record.cell
    return f"{label(cell)}, {cell.quantizer.bits} bits, {cell.mode}, seed {cell.seed}"


def _change(row: str, old: Entry | None, new: Entry | None) -> Change:
    separate = False
    if old and new:
        gap = difference(new.record.metrics["firing_emd"], old.record.metrics["firing_emd"])
        separate = gap.low > 0 or gap.high < 0
    return Change(row, _values(old), _values(new), separate)


def _values(entry: Entry | None) -> dict[str, float | None] | None:
    return {name: entry.record.value(name) for name in SHOWN} if entry else None
