"""What a sweep would do: which cells are done, which failed, and the time that the others are expected to take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snnbench.errors import RecordError
from snnbench.records import store
from snnbench.records.cell import Cell
from snnbench.records.record import Record
from snnbench.sweeps.task import ENGINE, Task
from snnbench.sweeps.time_left import Durations, TimeLeft


@dataclass(frozen=True)
class Foresight:
    """Cells by name with their state (``done``, ``failed``, ``damaged`` or ``to do``), and the time for the last.

    The time is that of `slots` cells at a time.
    """

    cells: dict[str, str]
    left: TimeLeft
    slots: int

    def __str__(self) -> str:
        states = list(self.cells.values())
        counts = ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states)))
        todo = {"to do", "damaged"} & set(states)
        time = f"; time expected with {self.slots} at a time: {self.left}" if todo else ""
        return f"{len(states)} cells: {counts}{time}"

    def document(self) -> dict[str, Any]:
        """The same as JSON; seconds are null where nothing is known."""
        seconds = None if self.left.unknown else round(self.left.seconds, 1)
        return {"cells": self.cells, "slots": self.slots, "seconds": seconds, "unknown": list(self.left.unknown)}


def foresee(tasks: Sequence[Task], out: Path, slots: int) -> Foresight:
    """Look at every cell of a plan; writes nothing."""
    durations, states, left = Durations(), dict[str, str](), list[Cell]()
    durations.learn(out, (task.cell for task in tasks))
    for task in tasks:
        found = _look(out, task.cell)
        if found in ("to do", "damaged"):
            left.append(task.cell)
        name = f"{task.cell.board}/{task.cell.folder}"
        states[name] = "done" if isinstance(found, Record) else found
    return Foresight(states, durations.left(left, slots), slots)


def _look(out: Path, cell: Cell) -> Record | str:
    try:
        record = store.finished(out, cell, ENGINE)
    except RecordError:
        return "damaged"
    if record is not None:
        return record
    return "failed" if store.find_failure(out, cell) else "to do"
