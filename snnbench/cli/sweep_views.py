"""A running sweep on the terminal, as plain lines, or as JSON events."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from snnbench.cli.reporting import ConsoleReporter

if TYPE_CHECKING:
    from snnbench.records.record import Record
    from snnbench.reporting import Advance, Reporter
    from snnbench.sweeps.progress import Event, Progress, Watcher

_SHOWN = 8
_DRAW_SECONDS = 0.1
_TOLD = ("cell failed", "cell retried", "cell damaged", "cell elsewhere")


class LiveView:
    """Counts, running cells, the best so far and the time left, redrawn in place on stderr; the best stay at the end.

    It is the sweep's reporter, too: a terminal has room for one live display.
    """

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._drawn = 0.0
        self._work = ""

    def hear(self, event: Event, progress: Progress) -> None:
        """Redraw; what must not scroll away unseen is printed above."""
        if event.name == "sweep started":
            self._live.start()
        if event.name in _TOLD:
            self.say(_line(event))
        if event.name == "sweep ended":
            self._live.stop()
            if progress.best:
                self._live.console.print(best_table(progress.best))
        else:
            self.tick(progress)

    def tick(self, progress: Progress) -> None:
        """Redraw, if the last time is not just past."""
        if time.monotonic() - self._drawn >= _DRAW_SECONDS:
            self._live.update(draw(progress, self._work), refresh=True)
            self._drawn = time.monotonic()

    def say(self, message: str) -> None:
        """Print a line above the view."""
        self._live.console.print(message, markup=False, soft_wrap=True)

    @contextmanager
    def task(self, title: str) -> Iterator[Advance]:
        """Show a line of the view how far the sweep's own work is."""

        def advance(done: int, total: int) -> None:
            self._work = f"{title}: {100 * done / total:.0f} %"

        self._work = title
        try:
            yield advance
        finally:
            self._work = ""


class Lines:
    """Plain lines on stderr, for logs."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def hear(self, event: Event, progress: Progress) -> None:
        """Print the event and how far the sweep is; found cells are only counted, and the end has words of its own."""
        if event.name not in ("cell reused", "sweep ended"):
            self._console.print(f"{_line(event)}  [{counts(progress)}]", markup=False, soft_wrap=True)

    def tick(self, progress: Progress) -> None:
        """Nothing: time alone is no event."""


class JsonEvents:
    """An event a line on stdout, each a JSON object."""

    def hear(self, event: Event, progress: Progress) -> None:
        """Write the event."""
        document: dict[str, Any] = {"event": event.name, "at": datetime.now(UTC).isoformat(timespec="milliseconds")}
        if event.cell is not None:
            document |= {"cell": f"{event.cell.board}/{event.cell.folder}", "key": event.cell.key}
        if event.detail:
            document["detail"] = event.detail
        sys.stdout.write(json.dumps(document | progress.summary()) + "\n")
        sys.stdout.flush()

    def tick(self, progress: Progress) -> None:
        """Nothing: time alone is no event."""


def choose_view(as_json: bool) -> tuple[Watcher, Reporter]:
    """The view that suits where the output goes, and who reports the sweep's own work beside it."""
    reporter = ConsoleReporter()
    if as_json:
        return JsonEvents(), reporter
    if not reporter.console.is_terminal:
        return Lines(reporter.console), reporter
    live = LiveView(reporter.console)
    return live, live


def counts(progress: Progress) -> str:
    """Cells by state, and the time left, on one line."""
    parts = [f"{progress.done}/{progress.total} done", f"{len(progress.running)} running"]
    parts += [f"{progress.failed} failed"] if progress.failed else []
    parts += [f"{len(progress.elsewhere)} in other sweeps"] if progress.elsewhere else []
    if progress.done + progress.failed < progress.total:
        parts.append(f"time left: {progress.time_left()}")
    return ", ".join(parts)


def draw(progress: Progress, work: str = "") -> Group:
    """The live view; `work` is what the sweep itself does now."""
    over = progress.done + progress.failed
    bar = ProgressBar(total=max(progress.total, 1), completed=over, width=60)
    parts: list[Any] = [Text(counts(progress)), Padding(bar, 0)]  # a bar alone does not end its line
    parts += [Text(f"  {work}")] if work else []
    now = time.monotonic()
    for key, task in list(progress.running.items())[:_SHOWN]:
        parts.append(Text(f"  {now - progress.since[key]:6.0f} s  {task.cell.board}/{task.cell.folder}", style="dim"))
    if len(progress.running) > _SHOWN:
        parts.append(Text(f"  and {len(progress.running) - _SHOWN} more", style="dim"))
    if progress.best:
        parts.append(best_table(progress.best))
    return Group(*parts)


def best_table(records: list[Record]) -> Table:
    """The cells that fire most like their reference."""
    from snnbench.bench.metrics import ACCURACY, FIRING_EMD
    from snnbench.cli.tables import network

    table = Table(f"smallest {FIRING_EMD.title}", "bits", "mode", "seed", "EMD", ACCURACY.heading, box=None)
    boards = {record.cell.board for record in records}
    for record in records:
        cell, metrics = record.cell, record.metrics
        where = f" on {cell.board}" if len(boards) > 1 else ""
        accuracy = ACCURACY.shown(metrics[ACCURACY.name]) if ACCURACY.name in metrics else ""
        emd = FIRING_EMD.shown(metrics[FIRING_EMD.name])
        bits, seed = str(cell.quantizer.bits), str(cell.seed)
        table.add_row(Text(network(cell) + where), bits, cell.mode, seed, emd, accuracy)
    return table


def _line(event: Event) -> str:
    where = f" {event.cell.board}/{event.cell.folder}" if event.cell else ""
    return f"{event.name}{where}{f': {event.detail}' if event.detail else ''}"
