"""How long work tells of itself: one small interface, silent by default; and how lengths of time are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

Advance = Callable[[int, int], None]
"""Called with the work done and the work in all."""


class Reporter(Protocol):
    """Where messages and progress go."""

    def say(self, message: str) -> None:
        """Tell the user one line."""

    def task(self, title: str) -> AbstractContextManager[Advance]:
        """Show the progress of one piece of work while the context lasts."""


class Silent:
    """Says nothing."""

    def say(self, message: str) -> None:
        """Drop the message."""

    @contextmanager
    def task(self, title: str) -> Iterator[Advance]:
        """Drop the progress."""
        yield lambda done, total: None


def span(seconds: float) -> str:
    """A length of time in words, to the precision that an estimate has."""
    if seconds < 1:
        return "1 s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"


class Pace:
    """The time left of a work, as soon as it can be told: from four steps on, the first of them left out.

    The first compiles and warms up, and counts what an interrupted work had done before.
    """

    def __init__(self) -> None:
        self._start: tuple[float, int] | None = None
        self._steps = 0

    def left(self, now: float, done: int, total: int) -> float | None:
        """Seconds left at the time `now`, after a step that brought the work to `done`; None if it is too early."""
        if self._start is None:
            self._start = now, done
            return None
        self._steps += 1
        since, before = self._start
        if self._steps < 3 or done <= before:
            return None
        return (now - since) * (total - done) / (done - before)
