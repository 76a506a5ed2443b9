"""The results folder: one directory a finished cell, there in full or not at all.

Beside them lie the notes of failed cells (``*.failed.json``). Names that start with a dot are the harness's own:
``.locks/`` (one file a cell), ``.unfinished-*`` (being written), ``.replaced-*`` (until its successor is there) and
``.damaged-*`` (set aside).
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from snnbench.engine import ENGINES, EngineName
from snnbench.errors import RecordError
from snnbench.files import write_atomically
from snnbench.locks import Lock, locked, try_lock
from snnbench.records.cell import Cell
from snnbench.records.failures import FAILURE_SUFFIX, Failure
from snnbench.records.layout import DAMAGED, UNFINISHED, lock_file, replaced, restore
from snnbench.records.record import RECORD_FILE, Record, read_record


def check_writable(out: Path) -> None:
    """Make the folder `out` if need be, and try to write in it.

    Raises:
        RecordError: if that fails.
    """
    probe = out / f"{UNFINISHED}probe-{secrets.token_hex(8)}"
    try:
        probe.mkdir(parents=True)
        probe.rmdir()
    except OSError as error:
        raise RecordError(f"--out '{out}' cannot be written ({error.strerror}); name another folder") from error


def cell_directory(out: Path, cell: Cell) -> Path:
    """Where the finished cell lies, or will lie."""
    return out / cell.board / cell.folder


def find(out: Path, cell: Cell) -> Record | None:
    """The finished record of `cell`, or None.

    Raises:
        RecordError: if there is one and it is damaged; it says how to mend that.
    """
    directory = cell_directory(out, cell)
    if not (directory / RECORD_FILE).exists():
        restore(out, cell.key)
    if not (directory / RECORD_FILE).exists():
        return None
    try:
        return read_record(directory)
    except RecordError as error:
        raise RecordError(f"{error}; compute it again with --force") from error


def finished(out: Path, cell: Cell, engine: EngineName) -> Record | None:
    """Whether `cell` is done: its record, if it may stand for one measured by `engine`.

    Evaluation gives the same numbers eager and compiled, and fine-tuning differs as by another seed: the record says
    which engine it was. Integers round otherwise, and stand for themselves alone.

    Raises:
        RecordError: as `find`.
    """
    record = find(out, cell)
    if record is None or record.environment.engine == engine:
        return record
    exact = ENGINES[record.environment.engine].exact and ENGINES[engine].exact
    return record if exact else None


def finished_on(out: Path, board: str) -> Iterator[Record]:
    """Every finished record of a board that can be read; a damaged one is told to whoever asks for its cell."""
    for path in (out / board).glob(f"*/{RECORD_FILE}"):
        with suppress(RecordError):
            yield read_record(path.parent)


def claim(out: Path, cell: Cell) -> Lock | None:
    """The right to compute `cell`, or None while another process has it.

    Raises:
        RecordError: if the folder cannot be written, or its file system has no locks.
    """
    return try_lock(lock_file(out, cell.key))


@contextmanager
def claimed(out: Path, cell: Cell) -> Iterator[None]:
    """Hold the right to compute `cell`; wait while another process has it.

    Raises:
        RecordError: as `claim`.
    """
    with locked(lock_file(out, cell.key)):
        yield


def keep(out: Path, record: Record, files: Mapping[str, bytes]) -> Path:
    """File a finished cell, which the caller has claimed, by one rename in the place of what lies there.

    A cell that is replaced is there until its successor is, whenever the process is killed.

    Raises:
        RecordError: if the folder cannot be written.
    """
    final = cell_directory(out, record.cell)
    try:
        with _unfinished(out, record.key) as unfinished:
            final.parent.mkdir(parents=True, exist_ok=True)
            for name, content in {**files, RECORD_FILE: record.to_json().encode()}.items():
                write_atomically(unfinished / name, [content])
            _put(out, unfinished, record.cell)
        _failure_file(out, record.cell).unlink(missing_ok=True)
    except OSError as error:
        raise RecordError(f"cannot write the record to '{final}': {error.strerror}") from error
    return final


def keep_failure(out: Path, cell: Cell, failure: Failure) -> Path:
    """Note why `cell` failed, in the place of an earlier note.

    Raises:
        RecordError: if the folder cannot be written.
    """
    final = _failure_file(out, cell)
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        with _unfinished(out, cell.key) as unfinished:
            note = unfinished / final.name
            write_atomically(note, [failure.to_json().encode()])
            note.replace(final)
    except OSError as error:
        raise RecordError(f"cannot write '{final}': {error.strerror}") from error
    return final


def find_failure(out: Path, cell: Cell) -> Failure | None:
    """The note of the failed `cell`; None if it did not fail, or the note cannot be read."""
    try:
        return Failure.from_json(_failure_file(out, cell).read_bytes())
    except (OSError, RecordError):
        return None


def set_aside(out: Path, cell: Cell) -> Path:
    """Move a damaged finished cell out of the way, for whoever wants to look at it.

    Raises:
        RecordError: if the folder cannot be written.
    """
    aside = out / f"{DAMAGED}{cell.folder}-{secrets.token_hex(4)}"
    try:
        cell_directory(out, cell).rename(aside)
    except OSError as error:
        raise RecordError(f"cannot set '{cell_directory(out, cell)}' aside: {error.strerror}") from error
    return aside


def _failure_file(out: Path, cell: Cell) -> Path:
    return out / cell.board / f"{cell.folder}{FAILURE_SUFFIX}"


@contextmanager
def _unfinished(out: Path, key: str) -> Iterator[Path]:
    """A folder to write in; the key in its name says under which lock it is written."""
    folder = out / f"{UNFINISHED}{key}-{secrets.token_hex(8)}"
    try:
        folder.mkdir(parents=True)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _put(out: Path, unfinished: Path, cell: Cell) -> None:
    final = cell_directory(out, cell)
    while True:  # whoever looks for the cell while it lies aside puts it back
        try:
            unfinished.rename(final)
            break
        except OSError:
            restore(out, cell.key)
            if not final.exists():
                raise
        _make_room(out, cell)
    _sync(final.parent)
    shutil.rmtree(replaced(out, cell.key), ignore_errors=True)


def _make_room(out: Path, cell: Cell) -> None:
    final = cell_directory(out, cell)
    if not (final / RECORD_FILE).exists():
        shutil.rmtree(final)
        return
    aside = replaced(out, cell.key) / cell.board / cell.folder
    shutil.rmtree(aside, ignore_errors=True)
    aside.parent.mkdir(parents=True, exist_ok=True)
    final.rename(aside)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
