"""What is kept of a cell that failed: why, and where in the code. It never counts as finished."""

from __future__ import annotations

import json
import platform
import traceback
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal, Self

from snnbench.errors import RecordError

FailureKind = Literal["error", "memory", "time", "worker"]
"""An exception, no memory left, no time left, or a worker process that died."""

FAILURE_SUFFIX = ".failed.json"
_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


@dataclass(frozen=True)
class Fault:
    """Why a cell failed: one line, and the traceback if there is one."""

    kind: FailureKind
    message: str
    traceback: str = ""
    host: str = ""

    @classmethod
    def of(cls, error: BaseException) -> Self:
        """The fault that an exception tells of."""
        text = " ".join(str(error).split())
        kind: FailureKind = "error"
        if isinstance(error, MemoryError) or any(words in text.lower() for words in _OUT_OF_MEMORY):
            kind = "memory"
        message = f"{type(error).__name__}: {text}" if text else type(error).__name__
        return cls(kind, message, "".join(traceback.format_exception(error)), platform.node())


@dataclass(frozen=True)
class Failure:
    """A failed cell as it is kept beside the finished ones: its identity, its fault, and when it happened."""

    key: str
    cell: dict[str, Any]
    fault: Fault
    attempts: int
    at: str

    @classmethod
    def now(cls, key: str, cell: dict[str, Any], fault: Fault, attempts: int) -> Self:
        """A failure of this moment."""
        return cls(key, cell, fault, attempts, datetime.now(UTC).isoformat(timespec="seconds"))

    def to_json(self) -> str:
        """The failure as JSON text."""
        return json.dumps({"schema_version": 1, **asdict(self)}, indent=1) + "\n"

    @classmethod
    def from_json(cls, content: bytes) -> Self:
        """Read what `to_json` wrote.

        Raises:
            RecordError: if it is not that.
        """
        try:
            document = json.loads(content)
            fault = Fault(**document["fault"])
            return cls(document["key"], document["cell"], fault, document["attempts"], document["at"])
        except (ValueError, TypeError, KeyError) as error:
            raise RecordError(f"the note of a failed cell is damaged: {error}") from error
