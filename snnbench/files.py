"""Files that are there in full or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from snnbench.errors import DataError


def write_cache(path: Path, chunks: Iterable[bytes | memoryview]) -> None:
    """Write a file of the cache, as `write_atomically`.

    Raises:
        DataError: the cache cannot be written; it says how to have another.
    """
    try:
        write_atomically(path, chunks)
    except OSError as error:
        raise unwritable_cache(path, error) from error


def unwritable_cache(path: Path, error: OSError) -> DataError:
    """What to tell of a cache that cannot be written at `path`."""
    reason = error.strerror or error
    return DataError(f"cannot write the cache {path}: {reason}; set SNNBENCH_CACHE to a folder that can be written")


def write_atomically(path: Path, chunks: Iterable[bytes | memoryview]) -> None:
    """Write a file so that it is there in full or not at all, making its folder if need be.

    Raises:
        OSError: the folder or the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with unfinished.open("xb") as file:
            file.writelines(chunks)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
