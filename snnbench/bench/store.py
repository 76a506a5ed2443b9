"""The results folder: one directory a finished cell, there in full or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

from snnbench.bench.cell import Cell
from snnbench.bench.record import RECORD_FILE, Record, read_record
from snnbench.data import write_atomically
from snnbench.errors import RecordError

_UNFINISHED = ".unfinished-"


def check_writable(out: Path) -> None:
    """Make the folder `out` if need be, and try to write in it.

    Raises:
        RecordError: if that fails.
    """
    probe = out / f"{_UNFINISHED}{secrets.token_hex(8)}"
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
        return None
    try:
        return read_record(directory)
    except RecordError as error:
        raise RecordError(f"{error}; compute it again with --force") from error


def keep(out: Path, record: Record, files: Mapping[str, bytes], *, replace: bool) -> Path:
    """File a finished cell by one rename; if another process was first, its record stays (unless `replace`).

    Raises:
        RecordError: if the folder cannot be written.
    """
    final = cell_directory(out, record.cell)
    unfinished = out / f"{_UNFINISHED}{secrets.token_hex(8)}"
    try:
        unfinished.mkdir(parents=True)
        final.parent.mkdir(parents=True, exist_ok=True)
        for name, content in {**files, RECORD_FILE: record.to_json().encode()}.items():
            write_atomically(unfinished / name, [content])
        _put(unfinished, final, replace=replace)
    except OSError as error:
        raise RecordError(f"cannot write the record to '{final}': {error.strerror}") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return final


def _put(unfinished: Path, final: Path, *, replace: bool) -> None:
    if replace and final.exists():
        old = final.with_name(f"{_UNFINISHED}{secrets.token_hex(8)}")
        final.rename(old)
        unfinished.rename(final)
        shutil.rmtree(old)
        return
    try:
        unfinished.rename(final)
    except OSError:
        if not (final / RECORD_FILE).exists():
            raise
    _sync(final.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
