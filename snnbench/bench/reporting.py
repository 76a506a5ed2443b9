"""How long work tells of itself: one small interface, silent by default."""

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
