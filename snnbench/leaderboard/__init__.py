"""Leaderboards: records with evidence, verified, and shown in tables and pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from snnbench.leaderboard import rerunning
from snnbench.leaderboard.adding import add
from snnbench.leaderboard.board import Board, board_of, find_boards, is_entry, read_board, read_entry
from snnbench.leaderboard.tables import stale_tables, table, write_tables
from snnbench.leaderboard.verification import NOT_RECHECKED, Verdict, verify_board, verify_entry
from snnbench.reporting import Reporter

__all__ = [
    "NOT_RECHECKED",
    "Board",
    "Verdict",
    "add",
    "find_boards",
    "read_board",
    "rerun",
    "stale_tables",
    "table",
    "verify",
    "write_tables",
]


def verify(path: Path = Path("leaderboards")) -> Iterator[Verdict]:
    """Verify the board at `path`, all boards in it, or the entry at `path` alone.

    Raises:
        RecordError: if there is none.
    """
    if is_entry(path):
        yield verify_entry(board_of(path), path)
        return
    for board in find_boards(path):
        yield from verify_board(board)


def rerun(path: Path, reporter: Reporter, *, data: Path | None = None, train: bool = False) -> Iterator[Verdict]:
    """Measure the entries at `path` again, chosen as by `verify`; with `train`, fine-tune them again too.

    Raises:
        RecordError: if there is none, or a record is damaged.
    """
    boards = [board_of(path)] if is_entry(path) else find_boards(path)
    for board in boards:
        entries = (read_entry(path),) if is_entry(path) else board.entries
        yield from rerunning.rerun(board, entries, data, train, reporter)
