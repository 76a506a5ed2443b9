"""`snnbench.sweep`: measure a grid of cells, each once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snnbench.records import store
from snnbench.records.cell import Cell
from snnbench.records.record import Record
from snnbench.reporting import Advance, Reporter, Silent
from snnbench.sweeps.executors import make_executor
from snnbench.sweeps.executors.base import Resources
from snnbench.sweeps.grid import Grid, make_grid, read_grids
from snnbench.sweeps.loop import Policy, Sweep
from snnbench.sweeps.plan import Benches, make_plan, unranked_seeds
from snnbench.sweeps.progress import Event, Progress, Watcher
from snnbench.sweeps.status import StatusFile
from snnbench.sweeps.task import ENGINE


@dataclass(frozen=True)
class Swept:
    """A cell of a sweep.

    Attributes:
        cell: what it asks for.
        directory: where it lies, or will lie.
        record: what was measured; None where nothing was.
        reason: why nothing was measured, if it failed.
    """

    cell: Cell
    directory: Path
    record: Record | None
    reason: str | None


def sweep(
    grid: Mapping[str, Any] | Sequence[Mapping[str, Any]] | Path | str,
    executor: str = "local",
    *,
    out: Path | str = "snnbench-results",
    data: Path | None = None,
    device: str = "cpu",
    cpus: float | None = None,
    gpus: float = 0.0,
    cell_timeout: float | None = None,
    attempts: int = 2,
    retry: bool = False,
    dry_run: bool = False,
    reporter: Reporter | None = None,
) -> list[Swept]:
    """Measure every cell of a grid; finished cells are reused, so the same call goes on where an earlier one stopped.

    Args:
        grid: ``{"quantizer": ["uniform", "lqnet"], "bits": [2, 4], "protocol": "digits-sew8"}``, with the keys and
            lists of values of a grid file; several of them; or the path of a TOML file.
        executor: ``local`` or ``local:N`` (N worker processes), ``in-process``, ``ray`` or ``ray://ADDRESS``.
        out: the results folder; ``snnbench sweep status`` tells from any terminal how far it is.
        data: folder of the data sets; by default as in `snnbench.run`.
        device: where networks run, as PyTorch names it.
        cpus: CPUs for one cell; by default the executor chooses.
        gpus: GPUs for one cell; fractions are shares.
        cell_timeout: seconds after which a cell has failed.
        attempts: how often a cell is tried whose worker dies.
        retry: try cells again that failed in an earlier sweep.
        dry_run: compute nothing, and tell what is there.
        reporter: where messages and progress go; by default nowhere.

    Returns:
        One for each cell, in the order of the grid; a cell that fails stops no other.

    Raises:
        OptionError: naming every combination that is not valid; nothing is computed then.
        SnnbenchError: as `snnbench.run`.
    """
    benches, folder, told = Benches(data, device), Path(out), reporter or Silent()
    tasks = make_plan(_grids(grid), benches)
    for problem in unranked_seeds(tasks, benches):
        told.say(problem)
    if not dry_run:
        runs = make_executor(executor, Resources(cpus, gpus, cell_timeout))
        with told.task("Sweep") as advance:
            watchers: list[Watcher] = [StatusFile(folder), _Teller(told, advance)]
            Sweep(tasks, folder, runs, watchers, told, Policy(retry, attempts)).run()
    return [_swept(folder, task.cell) for task in tasks]


class _Teller:
    """A watcher that tells a reporter how many cells are over, and what went wrong."""

    def __init__(self, reporter: Reporter, advance: Advance) -> None:
        self._reporter, self._advance = reporter, advance

    def hear(self, event: Event, progress: Progress) -> None:
        """Count; tell of a cell that failed, was damaged or is tried again."""
        if event.cell is not None and event.name in ("cell failed", "cell damaged", "cell retried"):
            self._reporter.say(f"{event.name}: {event.cell.board}/{event.cell.folder}: {event.detail}")
        self._advance(progress.done + progress.failed, progress.total)

    def tick(self, progress: Progress) -> None:
        """Nothing happened."""


def _grids(grid: Mapping[str, Any] | Sequence[Mapping[str, Any]] | Path | str) -> list[Grid]:
    if isinstance(grid, Path | str):
        return read_grids(Path(grid), {})
    tables = [grid] if isinstance(grid, Mapping) else grid
    return [make_grid(table, "the grid") for table in tables]


def _swept(out: Path, cell: Cell) -> Swept:
    record = store.finished(out, cell, ENGINE)
    failure = store.find_failure(out, cell) if record is None else None
    return Swept(cell, store.cell_directory(out, cell), record, failure.fault.message if failure else None)
