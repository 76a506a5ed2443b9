"""The status file of a sweep: written by the sweep, read by whoever watches it from elsewhere."""

from __future__ import annotations

import json
import os
import platform
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snnbench.errors import RecordError
from snnbench.files import write_atomically
from snnbench.locks import try_lock
from snnbench.records.layout import SWEEPS

if TYPE_CHECKING:
    from snnbench.sweeps.progress import Event, Progress

_EVERY_SECONDS = 1.0


class StatusFile:
    """Writes where the sweep stands, once a second; holds a lock that tells readers whether it still lives."""

    def __init__(self, out: Path) -> None:
        self._started = datetime.now(UTC).isoformat(timespec="seconds")
        name = f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}-{secrets.token_hex(2)}"
        self._path = out / SWEEPS / f"{name}.json"
        self._lock = try_lock(self._path.with_suffix(".lock"))
        self._written = -_EVERY_SECONDS

    def hear(self, event: Event, progress: Progress) -> None:
        """Write at once when the sweep starts, and when it ends in a folder that can still be written."""
        if event.name == "sweep started":
            self._write(progress)
        elif event.name == "sweep ended":
            self._end(progress)

    def tick(self, progress: Progress) -> None:
        """Write if it is time."""
        if time.monotonic() - self._written >= _EVERY_SECONDS:
            self._write(progress)

    def _end(self, progress: Progress) -> None:
        try:
            self._write(progress)
        except RecordError:
            if progress.state != "stopped":  # a sweep that was stopped by its folder cannot say so in it
                raise
        finally:
            if self._lock is not None:
                self._lock.release()

    def _write(self, progress: Progress) -> None:
        now = time.monotonic()
        left = progress.time_left()
        document = {
            **progress.summary(),
            "host": platform.node(),
            "pid": os.getpid(),
            "started": self._started,
            "updated": datetime.now(UTC).isoformat(timespec="seconds"),
            "left": str(left) if progress.state == "running" else "",
            "cells": [
                {"cell": f"{task.cell.board}/{task.cell.folder}", "seconds": round(now - progress.since[key], 1)}
                for key, task in progress.running.items()
            ],
        }
        try:
            write_atomically(self._path, [(json.dumps(document, indent=1) + "\n").encode()])
        except OSError as error:
            raise RecordError(f"cannot write the status of the sweep to '{self._path}': {error.strerror}") from error
        self._written = now


@dataclass(frozen=True)
class SweepStatus:
    """A sweep as its file tells of it; `alive` if its process still runs."""

    name: str
    alive: bool
    document: dict[str, Any]

    @property
    def state(self) -> str:
        """The state that the sweep is in; ``killed`` if it ended without a word."""
        state: str = self.document["state"]
        return "killed" if state == "running" and not self.alive else state


def read_statuses(out: Path) -> list[SweepStatus]:
    """The sweeps of a results folder, the oldest first.

    Raises:
        RecordError: if there is no such folder.
    """
    if not out.is_dir():
        raise RecordError(f"there is no results folder '{out}'")
    return [_read(path) for path in sorted((out / SWEEPS).glob("*.json"))]


def _read(path: Path) -> SweepStatus:
    document = json.loads(path.read_bytes())
    return SweepStatus(path.stem, document["state"] == "running" and _is_locked(path.with_suffix(".lock")), document)


def _is_locked(path: Path) -> bool:
    """Whether the lock is held; a folder that cannot be locked tells nothing, and the file is believed."""
    try:
        lock = try_lock(path)
    except RecordError:
        return True
    if lock is not None:
        lock.release()
    return lock is None
