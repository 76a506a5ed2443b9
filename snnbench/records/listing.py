"""Rows of records as they were last read, kept in the cache: a listing then parses only what is new or changed."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic_core import from_json, to_json

from snnbench import __version__
from snnbench.data import cache_root

_ROWS = 3  # raised when rows of the same record change

ListedRow = dict[str, Any]


class Listing:
    """The remembered rows of the results folder `out`."""

    def __init__(self, out: Path) -> None:
        name = hashlib.sha256(f"{_ROWS} {__version__} {out.resolve()}".encode()).hexdigest()
        self._file = cache_root() / "listings" / f"{name[:32]}.json"
        self._known: dict[str, tuple[list[int], ListedRow]] = {}
        self._found: dict[str, tuple[list[int], ListedRow]] = {}
        self._changed = False
        with suppress(OSError, ValueError):  # without it, every record is parsed
            self._known = from_json(self._file.read_bytes())

    def row(self, file: str, read: Callable[[], ListedRow]) -> ListedRow:
        """The row of a record's file: as remembered if the file is the same, else as `read` gives it.

        Raises:
            OSError: if there is no such file.
        """
        state = os.stat(file)  # noqa: PTH116  # 10,000 Path objects take half a second
        stamp = [state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns]
        known = self._known.get(file)
        if known is None or known[0] != stamp:
            self._changed = True
            known = (stamp, read())
        self._found[file] = known
        return known[1]

    def remember(self) -> None:
        """Write what was found, if it is not what was known."""
        if self._changed or len(self._found) != len(self._known):
            with suppress(OSError):  # a cache that cannot be written costs time and nothing else
                self._write(to_json(self._found))

    def _write(self, content: bytes) -> None:
        """Not forced to the disk, for which a listing would have to wait: what a power cut tears is not JSON."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        part = self._file.with_suffix(f".{secrets.token_hex(8)}")
        try:
            part.write_bytes(content)
            part.replace(self._file)
        finally:
            part.unlink(missing_ok=True)
