"""A running sweep on the terminal, as plain lines, or as JSON events."""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from snnbench.bench.record import Record
    from snnbench.bench.sweep.progress import Event, Progress, Watcher

_SHOWN = 8
_TOLD = ("cell failed", "cell retried", "cell damaged", "cell elsewhere")


class LiveView:
    """Counts, running cells, the best so far and the time left, redrawn in place on stderr."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def hear(self, event: Event, progress: Progress) -> None:
        """Redraw; what must not scroll away unseen is printed above."""
        if event.name == "sweep started":
            self._live.start()
        if event.name in _TOLD:
            self._live.console.print(_line(event), markup=False, soft_wrap=True)
        if event.name == "sweep ended":
            self._live.stop()
        else:
            self.tick(progress)

    def tick(self, progress: Progress) -> None:
        """Redraw."""
        self._live.update(draw(progress), refresh=True)


class Lines:
    """A line on stderr for every event, for logs."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def hear(self, event: Event, progress: Progress) -> None:
        """Print the event, and after a cell how far the sweep is."""
        if event.name in ("sweep started", "sweep ended", "cell started", "cell reused"):
            return
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


def choose_view(as_json: bool) -> Watcher:
    """The view that suits where the output goes."""
    console = Console(stderr=True, highlight=False)
    if as_json:
        return JsonEvents()
    return LiveView(console) if console.is_terminal else Lines(console)


def counts(progress: Progress) -> str:
    """Cells by state, and the time left, on one line."""
    parts = [f"{progress.done}/{progress.total} done", f"{len(progress.running)} running"]
    parts += [f"{progress.failed} failed"] if progress.failed else []
    parts += [f"{progress.elsewhere} in other sweeps"] if progress.elsewhere else []
    if progress.done + progress.failed < progress.total:
        parts.append(f"time left: {progress.time_left()}")
    return ", ".join(parts)


def draw(progress: Progress) -> Group:
    """The live view."""
    over = progress.done + progress.failed
    bar = ProgressBar(total=max(progress.total, 1), completed=over, width=60)
    parts: list[Any] = [Text(counts(progress)), Padding(bar, 0)]  # a bar alone does not end its line
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
    from snnbench.cli.tables import number, percent

    table = Table("smallest firing EMD so far", "mode", "EMD", "accuracy %", box=None, title_justify="left")
    for record in records:
        cell, metrics = record.cell, record.metrics
        options = ",".join(f"{key}={value}" for key, value in cell.quantizer.options.items())
        name = f"{cell.quantizer.name} {cell.quantizer.bits} bits {options} on {cell.board}"
        accuracy = percent(metrics["accuracy"], 2) if "accuracy" in metrics else ""
        table.add_row(Text(name), cell.mode, number(metrics["firing_emd"], 4), accuracy)
    return table


def _line(event: Event) -> str:
    where = f" {event.cell.board}/{event.cell.folder}" if event.cell else ""
    return f"{event.name}{where}{f': {event.detail}' if event.detail else ''}"
