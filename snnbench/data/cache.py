"""What is remembered between runs: which files were checked, and the records in order, ready to be mapped."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np

from snnbench.data.content import Images, Labels
from snnbench.files import unwritable_cache, write_cache
from snnbench.folders import cache_root

# Two writes within one tick of a file system's clock leave the same times; no common one ticks slower than this.
CLOCK_TICK_NS = 20_000_000


def identify(files: Iterable[Path]) -> str:
    """Files as they are now, by path, size, times and inode: whoever changes a file changes this.

    Raises:
        FileNotFoundError: one of them is not there.
    """
    states = [(str(path.resolve()), path.stat()) for path in files]
    newest = max((state.st_ctime_ns for _, state in states), default=0)
    if abs(time.time_ns() - newest) < CLOCK_TICK_NS:
        time.sleep(CLOCK_TICK_NS / 1e9)
    return json.dumps([(name, s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino) for name, s in states])


def _note(identity: str, fingerprint: str) -> Path:
    return cache_root() / "checked" / hashlib.sha256(f"{fingerprint} {identity}".encode()).hexdigest()


def is_checked(identity: str, fingerprint: str) -> bool:
    """Whether files of this identity were found to have this fingerprint; a cache that cannot be read knows of none."""
    with suppress(OSError):
        return _note(identity, fingerprint).exists()
    return False


def remember_checked(identity: str, fingerprint: str) -> None:
    """Remember that files of this identity have this fingerprint.

    Raises:
        DataError: the cache cannot be written.
    """
    note = _note(identity, fingerprint)
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        note.touch()
    except OSError as error:
        raise unwritable_cache(note, error) from error


def records_path(name: str, split: str, fingerprint: str) -> Path:
    """Where the ordered records of a split are kept; the fingerprint is part of the name, which may be a folder's."""
    return cache_root() / "data" / f"{Path(name).name}-{split}-{fingerprint[:16]}.records"


def has_records(path: Path, fingerprint: str) -> bool:
    """Whether the ordered records are there, and untouched since they were written."""
    with suppress(FileNotFoundError):
        return is_checked(identify([path]), fingerprint)
    return False


def write_records(path: Path, images: Images, labels: Labels, fingerprint: str) -> None:
    """Keep checked and ordered records: all pixels, then all labels as bytes.

    Raises:
        DataError: the cache cannot be written.
    """
    chunks = (np.ascontiguousarray(images).reshape(-1).data, labels.astype(np.uint8).tobytes())
    write_cache(path, chunks)
    remember_checked(identify([path]), fingerprint)


def map_records(path: Path, shape: tuple[int, int, int]) -> tuple[Images, Labels]:
    """Map ordered records of images of ``shape`` (C, H, W); what is written to the arrays stays in this process."""
    content: Images = np.memmap(path, np.uint8, mode="c").view(np.ndarray)
    count = content.size // (int(np.prod(shape)) + 1)
    return content[:-count].reshape(count, *shape), content[-count:].astype(np.int64)
