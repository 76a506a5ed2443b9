"""Where a sweep stands, and who is told of it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from snnbench.bench.metrics import FIRING_EMD
from snnbench.sweeps.time_left import Durations, TimeLeft

if TYPE_CHECKING:
    from snnbench.records.cell import Cell
    from snnbench.records.record import Record
    from snnbench.reporting import Advance, Reporter
    from snnbench.sweeps.task import Task

SweepState = Literal["running", "finished", "interrupted", "stopped"]
EventName = Literal[
    "sweep started", "cell reused", "cell started", "cell finished", "cell failed", "cell retried", "cell elsewhere",
    "cell damaged", "sweep ended",
]  # fmt: skip

BEST = 5


@dataclass(frozen=True)
class Event:
    """Something that happened: to which cell, if to one, and what there is to say."""

    name: EventName
    cell: Cell | None = None
    detail: str = ""


@dataclass
class Progress:
    """Counts of cells, the ones to come and under way, the best so far, and how long finished ones took.

    Attributes:
        waiting: cells to come.
        elsewhere: cells that another sweep computes, by key.
        running: cells under way, by key, begun at `since`.
    """

    total: int
    executor: str
    slots: int = 1
    state: SweepState = "running"
    reused: int = 0
    finished: int = 0
    failed: int = 0
    running: dict[str, Task] = field(default_factory=dict)
    since: dict[str, float] = field(default_factory=dict)
    waiting: deque[Task] = field(default_factory=deque)
    elsewhere: dict[str, Task] = field(default_factory=dict)
    best: list[Record] = field(default_factory=list)
    durations: Durations = field(default_factory=Durations)
    reason: str = ""

    @property
    def done(self) -> int:
        """Cells with a record."""
        return self.reused + self.finished

    def begin(self, task: Task) -> None:
        """A task is under way."""
        self.running[task.cell.key], self.since[task.cell.key] = task, time.monotonic()

    def end(self, key: str) -> Task:
        """A task is over; returns it."""
        del self.since[key]
        return self.running.pop(key)

    def consider(self, record: Record) -> None:
        """Put a record among the best: the smallest firing EMD first."""
        if record.value(FIRING_EMD.name) is not None:
            self.best = sorted([*self.best, record], key=lambda r: r.value(FIRING_EMD.name) or 0.0)[:BEST]

    def time_left(self) -> TimeLeft:
        """Expected time until the last cell."""
        now = time.monotonic()
        running = [(task.cell, now - self.since[key]) for key, task in self.running.items()]
        waiting = (task.cell for task in (*self.waiting, *self.elsewhere.values()))
        return self.durations.left(waiting, self.slots, running)

    def summary(self) -> dict[str, Any]:
        """The counts as JSON."""
        return {
            "state": self.state,
            "reason": self.reason,
            "executor": self.executor,
            "total": self.total,
            "done": self.done,
            "reused": self.reused,
            "failed": self.failed,
            "elsewhere": len(self.elsewhere),
            "running": len(self.running),
        }


class Watcher(Protocol):
    """Is told of every event, after it happened, and now and then in between."""

    def hear(self, event: Event, progress: Progress) -> None:
        """Something happened."""

    def tick(self, progress: Progress) -> None:
        """Time passed."""


class Ticking:
    """A reporter that calls `tick` whenever the work goes on, so that watchers see it during a long one, too."""

    def __init__(self, reporter: Reporter, tick: Callable[[], None]) -> None:
        self._reporter, self._tick = reporter, tick

    def say(self, message: str) -> None:
        """Pass the message on."""
        self._reporter.say(message)

    @contextmanager
    def task(self, title: str) -> Iterator[Advance]:
        """Pass the progress on, and tick."""
        with self._reporter.task(title) as advance:

            def advance_and_tick(done: int, total: int) -> None:
                advance(done, total)
                self._tick()

            yield advance_and_tick
