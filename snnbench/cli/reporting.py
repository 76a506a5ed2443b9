"""Messages and progress on stderr: bars in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from snnbench.reporting import Pace, span

if TYPE_CHECKING:
    from snnbench.reporting import Advance

_QUIET_SECONDS = 30


class ConsoleReporter:
    """Reports to stderr, so that stdout stays what was asked for."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False)

    def say(self, message: str) -> None:
        """Print one line."""
        self.console.print(message, markup=False, soft_wrap=True)

    @contextmanager
    def task(self, title: str) -> Iterator[Advance]:
        """Show a bar with the time left; without a terminal, a line every half minute."""
        if not self.console.is_terminal:
            yield self._lines(title)
            return
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
        with Progress(
            *columns,
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=False),
            console=self.console,
            transient=True,
            speed_estimate_period=120,
        ) as progress:
            task = progress.add_task(title, total=None)
            yield lambda done, total: progress.update(task, completed=done, total=total)

    def _lines(self, title: str) -> Advance:
        pace, last = Pace(), time.monotonic()

        def advance(done: int, total: int) -> None:
            nonlocal last
            now = time.monotonic()
            left = pace.left(now, done, total)
            if now - last >= _QUIET_SECONDS and left is not None:
                last = now
                self.say(f"{title}: {100 * done / total:.1f} %, about {span(left)} left")

        return advance
