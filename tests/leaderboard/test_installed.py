"""A board beside what is installed."""

from __future__ import annotations

import json

from snnbench.leaderboard import Board
from snnbench.leaderboard.sums import write_sums
from snnbench.leaderboard.verification import verify_entry


def test_a_layer_that_is_left_out_of_those_reached_is_caught(board: Board) -> None:
    """Ranks may be by the EMD over these layers, and a layer left out takes its part of it along."""
    entry = min(board.folder.glob("entries/lqnet-2bit*"))
    assert verify_entry(board, entry).problems == ()
    file = entry / "record.json"
    document = json.loads(file.read_bytes())
    left_out = document["reached"]["layers"].pop()
    file.write_text(json.dumps(document, indent=1) + "\n")
    write_sums(entry)
    problems = verify_entry(board, entry).problems
    assert f"the layers that quantization reaches are others than the record says: {left_out}" in problems
