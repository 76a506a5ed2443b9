"""What a column of a table is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from snnbench.leaderboard.ranking import Row

ColumnValue = float | int | str | None


@dataclass(frozen=True)
class Column:
    """A column: its value for data, and its text for readers.

    Attributes:
        key: name in CSV files and data frames.
        title: heading.
        about: what it is, with its unit.
        value: the plain value of a row.
        text: the value as it is printed.
        numeric: whether it is sorted by number.
    """

    key: str
    title: str
    about: str
    value: Callable[[Row], ColumnValue]
    text: Callable[[Row], str]
    numeric: bool = True
