"""Names in a results folder and on a board; standard library only, so that results list without importing torch."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from snnbench.errors import RecordError

RECORD_FILE = "record.json"
WEIGHTS_FILE = "weights.safetensors"
OWN_WEIGHTS_FILE = "network.safetensors"
OWN_PROTOCOL_FILE = "protocol.json"
PROTOCOL_FILE = "protocol.toml"
ENTRIES = "entries"
REFERENCES = "references"
UNFINISHED = ".unfinished-"
DAMAGED = ".damaged-"
REPLACED = ".replaced-"
LOCKS = ".locks"
SWEEPS = ".sweeps"


def lock_file(out: Path, key: str) -> Path:
    """The file whose lock is the right to compute the cell `key`."""
    return out / LOCKS / f"{key}.lock"


def replaced(out: Path, key: str) -> Path:
    """Where a finished cell lies, under its own path in `out`, while another takes its place."""
    return out / f"{REPLACED}{key}"


def restore(out: Path, key: str) -> None:
    """Put back the finished cell `key` if the process that was replacing it ended in the middle."""
    aside = replaced(out, key)
    for old in aside.glob("*/*"):
        with suppress(OSError):  # its successor is there
            old.rename(out / old.relative_to(aside))


def without_successor(out: Path, key: str) -> tuple[Path, ...]:
    """Where `restore` would put finished cells of `key` back."""
    aside = replaced(out, key)
    places = (out / old.relative_to(aside) for old in sorted(aside.glob("*/*")))
    return tuple(place for place in places if not place.exists())


def finished_cells(path: Path) -> list[Path]:
    """The folders of the cells at `path`: one cell's folder or ``record.json``, or a folder that holds some.

    Raises:
        RecordError: if there is none.
    """
    folder = path.parent if path.name == RECORD_FILE else path
    found = [folder] if (folder / RECORD_FILE).exists() else _below(folder)
    if not found:
        raise RecordError(f"no record in '{path}'; name a finished cell, a results folder or a board")
    return found


def finished_cell(path: Path) -> Path:
    """The folder of the one cell at `path`.

    Raises:
        RecordError: if there is none, or several are.
    """
    first, *others = finished_cells(path)
    if others:
        raise RecordError(f"'{path}' holds {len(others) + 1} cells; name one of them, such as '{first}'")
    return first


def _below(folder: Path) -> list[Path]:
    files = (file.relative_to(folder) for file in folder.rglob(RECORD_FILE))
    return sorted(folder / file.parent for file in files if not any(part.startswith(".") for part in file.parts))
