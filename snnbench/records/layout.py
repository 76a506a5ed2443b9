"""Names in a results folder and on a board; standard library only, so that results list without importing torch."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

RECORD_FILE = "record.json"
WEIGHTS_FILE = "weights.safetensors"
OWN_WEIGHTS_FILE = "network.safetensors"
OWN_PROTOCOL_FILE = "protocol.json"
PROTOCOL_FILE = "protocol.toml"
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
