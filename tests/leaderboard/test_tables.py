"""What a board's table says above its rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from snnbench.leaderboard.board import read_board
from snnbench.leaderboard.tables import twins

BOARD = Path(__file__).parents[2] / "leaderboards" / "digits-sew8-v1"


def test_the_twin_of_a_reference_is_told_where_there_is_one() -> None:
    board = read_board(BOARD)
    assert twins(board) == ""
    baselines = tuple(one.model_copy(update={"twin": 0.9}) for one in board.protocol.baselines[:1])
    told = twins(replace(board, protocol=board.protocol.model_copy(update={"baselines": baselines})))
    assert "activations of 3 bits" in told
    assert "90.00 %" in told
