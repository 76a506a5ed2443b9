"""How long what is left of a sweep will take, from the cells that are done; unknown as long as there are none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import heapify, heapreplace
from pathlib import Path

from snnbench.records.cell import Cell
from snnbench.records.store import finished_on
from snnbench.reporting import span


def kind_of(cell: Cell) -> str:
    """Cells of one kind take a similar time: those of a protocol and mode."""
    return f"{cell.board} {cell.mode}"


def _closer_kind_of(cell: Cell) -> str:
    """Cells of one quantizer take about the same time; one for membranes adds to it."""
    return f"{kind_of(cell)} {cell.quantizer.name} {cell.membrane.name if cell.membrane else ''}"


@dataclass(frozen=True)
class TimeLeft:
    """Seconds that are expected, and what is not known of them.

    Attributes:
        seconds: expected for the cells whose kind is known.
        unknown: kinds of cells of which none is done yet, so that nothing is known of them.
        overdue: whether a cell under way takes longer than every one of its kind before.
    """

    seconds: float
    unknown: tuple[str, ...] = ()
    overdue: bool = False

    def __str__(self) -> str:
        if not self.unknown:
            return f"{'more than' if self.overdue else 'about'} {span(self.seconds)}"
        known = f"more than {span(self.seconds)}" if self.seconds else "unknown"
        return f"{known} (no cell of {', '.join(self.unknown)} is finished yet)"


@dataclass
class _Spent:
    """Seconds that the finished cells of one kind took."""

    count: int = 0
    total: float = 0.0
    longest: float = 0.0

    def add(self, seconds: float) -> None:
        self.count, self.total, self.longest = self.count + 1, self.total + seconds, max(self.longest, seconds)

    @property
    def mean(self) -> float:
        return self.total / self.count


@dataclass
class Durations:
    """Seconds that finished cells took.

    The closest kind counts, and of it what this sweep measured before what it found: that may be of another machine.
    """

    _spent: dict[tuple[str, bool], _Spent] = field(default_factory=lambda: defaultdict(_Spent))

    def add(self, cell: Cell, seconds: float, *, found: bool = False) -> None:
        """A cell is done; or it was `found` done."""
        self._spent[_closer_kind_of(cell), found].add(seconds)
        self._spent[kind_of(cell), found].add(seconds)

    def learn(self, out: Path, cells: Iterable[Cell]) -> None:
        """What finished cells on the boards of `cells` took, whatever grid asked for them."""
        for board in {cell.board for cell in cells}:
            for record in finished_on(out, board):
                self.add(record.cell, record.seconds, found=True)

    def left(self, waiting: Iterable[Cell], slots: int, running: Iterable[tuple[Cell, float]] = ()) -> TimeLeft:
        """Time until the last cell, if each goes to the slot that is free first.

        Args:
            waiting: cells to come, in their order.
            slots: cells that are computed at a time.
            running: cells under way, and the seconds that each has had.
        """
        unknown, ends, overdue = dict[str, None](), list[float](), False
        for cell, seconds in running:
            if known := self._known(cell, unknown):
                ends.append(max(known.mean - seconds, 0.0))
                overdue |= seconds > known.longest
        ends += [0.0] * (slots - len(ends))
        heapify(ends)
        for cell in waiting:
            if known := self._known(cell, unknown):
                heapreplace(ends, ends[0] + known.mean)
        return TimeLeft(max(ends), tuple(unknown), overdue)

    def _known(self, cell: Cell, unknown: dict[str, None]) -> _Spent | None:
        for kind in (_closer_kind_of(cell), kind_of(cell)):
            for found in (False, True):
                if (kind, found) in self._spent:
                    return self._spent[kind, found]
        unknown[kind_of(cell)] = None
        return None
