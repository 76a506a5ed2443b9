"""What killed processes and damage left in a results folder, and its removal. Finished cells are never touched."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from snnbench.errors import RecordError
from snnbench.locks import try_lock
from snnbench.records.failures import FAILURE_SUFFIX
from snnbench.records.layout import DAMAGED, LOCKS, RECORD_FILE, REPLACED, SWEEPS, UNFINISHED, restore


@dataclass(frozen=True)
class Leftover:
    """A file or folder that nobody needs, and what it is."""

    path: Path
    what: str


def collect(out: Path, *, dry_run: bool) -> list[Leftover]:
    """Remove the leftovers in `out`, or with `dry_run` only name them; what a living process holds is left alone.

    Raises:
        RecordError: if there is no such folder, or it cannot be written.
    """
    if not out.is_dir():
        raise RecordError(f"there is no results folder '{out}'")
    found = []
    try:
        for leftover in (
            *_unfinished(out),
            *_replaced(out, dry_run=dry_run),
            *_damaged(out),
            *_answered(out),
            *_ended_sweeps(out),
        ):
            if not dry_run:
                _remove(leftover.path)
            found.append(leftover)
        return found + _unheld_locks(out, dry_run=dry_run)
    except OSError as error:
        raise RecordError(f"cannot clean '{out}': {error.strerror}") from error


def _unfinished(out: Path) -> Iterator[Leftover]:
    """Cells that were being written; whoever writes one holds the lock of its key."""
    for path in sorted(out.glob(f"{UNFINISHED}*")):
        key = path.name.removeprefix(UNFINISHED).partition("-")[0]
        lock = try_lock(out / LOCKS / f"{key}.lock")
        if lock is not None:
            with lock:
                yield Leftover(path, "never finished")


def _replaced(out: Path, *, dry_run: bool) -> Iterator[Leftover]:
    """Cells that have a successor by now; one that has none is put back."""
    for path in sorted(out.glob(f"{REPLACED}*")):
        key = path.name.removeprefix(REPLACED)
        lock = try_lock(out / LOCKS / f"{key}.lock")
        if lock is not None:
            with lock:
                if not dry_run:
                    restore(out, key)
                yield Leftover(path, "measured again since")


def _damaged(out: Path) -> Iterator[Leftover]:
    for path in sorted(out.glob(f"{DAMAGED}*")):
        yield Leftover(path, "damaged, set aside")


def _answered(out: Path) -> Iterator[Leftover]:
    """Notes of failures whose cell is finished by now."""
    for path in sorted(out.glob(f"*/*{FAILURE_SUFFIX}")):
        if (path.with_name(path.name.removesuffix(FAILURE_SUFFIX)) / RECORD_FILE).exists():
            yield Leftover(path, "failed once, finished since")


def _ended_sweeps(out: Path) -> Iterator[Leftover]:
    for path in sorted((out / SWEEPS).glob("*.json")):
        lock = try_lock(path.with_suffix(".lock"))
        if lock is not None:
            with lock:
                yield Leftover(path, "status of a sweep that is over")


def _unheld_locks(out: Path, *, dry_run: bool) -> list[Leftover]:
    """Lock files are removed while their lock is held; who opened one before that sees it and opens a new one."""
    found = []
    for path in sorted((*(out / LOCKS).glob("*.lock"), *(out / SWEEPS).glob("*.lock"))):
        lock = try_lock(path)
        if lock is not None:
            with lock:
                if not dry_run:
                    path.unlink()
                found.append(Leftover(path, "unused lock"))
    return found


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
