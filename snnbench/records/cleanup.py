"""What killed processes and damage left in a results folder, and its removal. Finished cells are never touched."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from snnbench.errors import RecordError
from snnbench.locks import try_lock
from snnbench.records.failures import FAILURE_SUFFIX
from snnbench.records.layout import (
    DAMAGED,
    LOCKS,
    RECORD_FILE,
    REPLACED,
    SWEEPS,
    UNFINISHED,
    lock_file,
    without_successor,
)


@dataclass(frozen=True)
class Leftover:
    """A file or folder that nobody needs.

    Attributes:
        path: where it lies.
        what: what it is.
        cells: where finished cells that lie in it belong, since nothing took their place: they are put back.
    """

    path: Path
    what: str
    cells: tuple[Path, ...] = ()

    def told(self, *, dry_run: bool) -> str:
        """What was done with it, or with `dry_run` would be."""
        done, verb = ("put back", "put back") if self.cells else ("removed", "remove")
        return f"{f'would {verb}' if dry_run else done} {self.path} ({self.what})"


def collect(out: Path, *, dry_run: bool) -> list[Leftover]:
    """Remove the leftovers in `out`, or with `dry_run` only name them; what a living process holds is left alone.

    Raises:
        RecordError: if there is no such folder, or it cannot be written.
    """
    if not out.is_dir():
        raise RecordError(f"there is no results folder '{out}'")
    found: list[Leftover] = []
    kinds = (_unfinished(out), _replaced(out), _damaged(out), _answered(out, found), _ended_sweeps(out), _locks(out))
    try:
        for leftover in chain(*kinds):  # each is removed while its lock is held
            if not dry_run:
                _settle(out, leftover)
            found.append(leftover)
    except OSError as error:
        raise RecordError(f"cannot clean '{out}': {error.strerror}") from error
    return found


def _unfinished(out: Path) -> Iterator[Leftover]:
    """Cells that were being written; whoever writes one holds the lock of its key."""
    for path in _free(out.glob(f"{UNFINISHED}*"), lambda path: lock_file(out, _key(path, UNFINISHED))):
        yield Leftover(path, "never finished")


def _replaced(out: Path) -> Iterator[Leftover]:
    """Cells that were to be replaced."""
    for path in _free(out.glob(f"{REPLACED}*"), lambda path: lock_file(out, _key(path, REPLACED))):
        cells = without_successor(out, _key(path, REPLACED))
        yield Leftover(path, "nothing took its place" if cells else "measured again since", cells)


def _damaged(out: Path) -> Iterator[Leftover]:
    for path in sorted(out.glob(f"{DAMAGED}*")):
        yield Leftover(path, "damaged, set aside")


def _answered(out: Path, found: list[Leftover]) -> Iterator[Leftover]:
    """Notes of failures whose cell is finished by now, or is once what was `found` before is put back."""
    returning = {cell for leftover in found for cell in leftover.cells}
    for path in sorted(out.glob(f"*/*{FAILURE_SUFFIX}")):
        cell = path.with_name(path.name.removesuffix(FAILURE_SUFFIX))
        if cell in returning or (cell / RECORD_FILE).exists():
            yield Leftover(path, "failed once, finished since")


def _ended_sweeps(out: Path) -> Iterator[Leftover]:
    for path in _free((out / SWEEPS).glob("*.json"), lambda path: path.with_suffix(".lock")):
        yield Leftover(path, "status of a sweep that is over")


def _locks(out: Path) -> Iterator[Leftover]:
    """Lock files are removed while their lock is held; who opened one before that sees it and opens a new one."""
    for path in _free((*(out / LOCKS).glob("*.lock"), *(out / SWEEPS).glob("*.lock")), lambda path: path):
        yield Leftover(path, "unused lock")


def _free(paths: Iterable[Path], lock_of: Callable[[Path], Path]) -> Iterator[Path]:
    """Those of the paths that no living process holds, each while its lock is held."""
    for path in sorted(paths):
        lock = try_lock(lock_of(path))
        if lock is not None:
            with lock:
                yield path


def _key(path: Path, prefix: str) -> str:
    return path.name.removeprefix(prefix).partition("-")[0]


def _settle(out: Path, leftover: Leftover) -> None:
    for cell in leftover.cells:
        (leftover.path / cell.relative_to(out)).rename(cell)
    if leftover.path.is_dir():
        shutil.rmtree(leftover.path)
    else:
        leftover.path.unlink(missing_ok=True)
