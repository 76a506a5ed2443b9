"""Names in a results folder; standard library only, so that results list without importing torch."""

from __future__ import annotations

from pathlib import Path

RECORD_FILE = "record.json"
UNFINISHED = ".unfinished-"
DAMAGED = ".damaged-"
LOCKS = ".locks"
SWEEPS = ".sweeps"


def lock_file(out: Path, key: str) -> Path:
    """The file whose lock is the right to compute the cell `key`."""
    return out / LOCKS / f"{key}.lock"
