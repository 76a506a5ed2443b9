"""Leaderboards: records with evidence, verified, and shown in tables and pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from snnbench.leaderboard.adding import add
from snnbench.leaderboard.board import Board, find_boards, read_board
from snnbench.leaderboard.rerun import rerun_board
from snnbench.leaderboard.tables import stale_tables, table, write_tables
from snnbench.leaderboard.verification import NOT_RECHECKED, Verdict, verify_board

__all__ = [
    "NOT_RECHECKED",
    "Board",
    "Verdict",
    "add",
    "find_boards",
    "read_board",
    "rerun_board",
    "stale_tables",
    "table",
    "verify",
    "write_tables",
]


def verify(path: Path = Path("leaderboards")) -> Iterator[Verdict]:
    """Verify the board at `path`, or all boards in it.

    Raises:
        RecordError: if there is none.
    """
    for board in find_boards(path):
        yield from verify_board(board)
