"""Locks that the kernel lets go of when their process ends, however it ends.

They are BSD locks (``flock``) on small files: they hold between processes, and between hosts where the shared file
system passes them on (NFS version 4, Lustre mounted with ``flock``, CephFS, GPFS). A lock file without a lock on it
means nothing, so a killed process leaves nothing stale behind.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from snnbench.errors import DataError, RecordError
from snnbench.files import unwritable_cache
from snnbench.folders import cache_root

_POLL_SECONDS = 0.2


class Lock:
    """A lock that is held until `release`; usable as a context manager."""

    def __init__(self, held: FileLock) -> None:
        self._held = held

    def release(self) -> None:
        """Let go; the file stays, since its removal would split those who wait for it."""
        self._held.release()

    def __enter__(self) -> Lock:
        return self

    def __exit__(self, *error: object) -> None:
        self.release()


def try_lock(path: Path) -> Lock | None:
    """The lock on `path`, or None if another process holds it.

    Raises:
        RecordError: if the file cannot be made, or its file system has no locks (DataError, if it is of the cache).
    """
    held = _file_lock(path)
    try:
        held.acquire(blocking=False)
    except Timeout:
        return None
    except OSError as error:
        raise _unlockable(path, error) from error
    return Lock(held)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock on `path`; wait for it if another process holds it.

    Raises:
        RecordError: as `try_lock`.
    """
    held = _file_lock(path)
    try:
        held.acquire(poll_interval=_POLL_SECONDS)
    except OSError as error:
        raise _unlockable(path, error) from error
    try:
        yield
    finally:
        held.release()


def _file_lock(path: Path) -> FileLock:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unlockable(path, error) from error
    return FileLock(path, thread_local=False, fallback_to_soft=False)


def _unlockable(path: Path, error: OSError) -> DataError | RecordError:
    if path.is_relative_to(cache_root()):
        return unwritable_cache(path, error)
    return RecordError(f"cannot lock '{path}': {error.strerror or error}; name a folder that can be written and locked")
