"""How long what is left of a sweep will take, from the cells that are done; unknown as long as there are none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from snnbench.bench.cell import Cell
from snnbench.bench.reporting import span


def kind_of(cell: Cell) -> str:
    """Cells of one kind take about the same time."""
    return f"{cell.board} {cell.mode}"


@dataclass(frozen=True)
class TimeLeft:
    """Seconds that are expected, and the kinds of cells of which none is done yet, so that nothing is known of them."""

    seconds: float
    unknown: tuple[str, ...]

    def __str__(self) -> str:
        if not self.unknown:
            return f"about {span(self.seconds)}"
        known = f"more than {span(self.seconds)}" if self.seconds else "unknown"
        return f"{known} (no cell of {', '.join(self.unknown)} is finished yet)"


@dataclass
class Durations:
    """Seconds that finished cells took, by kind."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, cell: Cell, seconds: float) -> None:
        """A cell is done."""
        self.seconds[kind_of(cell)].append(seconds)

    def left(self, cells: Iterable[Cell], slots: int, spent: float = 0.0) -> TimeLeft:
        """Time for `cells`, so many at once, of which `spent` seconds of work are done."""
        total, longest, unknown = 0.0, 0.0, dict[str, None]()
        for cell in cells:
            known = self.seconds.get(kind_of(cell))
            if known:
                mean = sum(known) / len(known)
                total, longest = total + mean, max(longest, mean)
            else:
                unknown[kind_of(cell)] = None
        left = max(total - spent, 0.0) / slots
        return TimeLeft(max(left, longest - spent) if total else 0.0, tuple(unknown))
