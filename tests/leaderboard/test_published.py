"""The boards of this repository: verified, and their tables current."""

from __future__ import annotations

import pytest
from oracles.shipped import BOARDS, DIGITS, needs_boards

from snnbench.leaderboard import find_boards, read_board, rerun, stale_tables, verify
from snnbench.leaderboard.ranking import ranked_rows
from snnbench.reporting import Silent

pytestmark = needs_boards


# A test a board: together they take minutes.
@pytest.mark.parametrize("board", sorted(path.parent.name for path in BOARDS.glob("*/protocol.toml")))
def test_every_entry_is_verified(board: str) -> None:
    verdicts = list(verify(BOARDS / board))
    assert verdicts
    assert [verdict for verdict in verdicts if verdict.problems] == []


def test_an_entry_of_an_older_record_can_be_measured_again() -> None:
    entry = next((DIGITS / "entries").glob("lqnet-4bit-*"))
    assert [verdict.problems for verdict in rerun(entry, Silent())] == [()]


def test_tables_are_current() -> None:
    assert [path for board in find_boards(BOARDS) for path in stale_tables(board)] == []


def test_networks_with_quantized_membranes_are_ranked_and_those_of_full_precision_are_not() -> None:
    rows = ranked_rows(read_board(BOARDS / "cifar10-sew8-v2"))
    floats = [row for row in rows if row.entry.record.cell.quantizer.name == "float"]
    assert {row.entry.record.cell.membrane is None: row.accuracy_rank is None for row in floats} == {
        True: True,
        False: False,
    }
