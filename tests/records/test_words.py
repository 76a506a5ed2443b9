"""The words for a cell: the same in every view, and a command that can be typed."""

from __future__ import annotations

import io
import shlex
from itertools import pairwise
from pathlib import Path

from rich.console import Console

from snnbench.cli.tables import network, results_table
from snnbench.examine.series import read_series
from snnbench.leaderboard import Board
from snnbench.leaderboard.changes import changes
from snnbench.leaderboard.columns import columns
from snnbench.leaderboard.ranking import ranked_rows
from snnbench.options import parse_pairs
from snnbench.records import words
from snnbench.records.cell import membrane_spec
from snnbench.records.record import read_record


def test_a_command_can_be_typed(results: list[Path]) -> None:
    record = read_record(results[0])
    typed = membrane_spec("uniform", 4, {"site": "pre_spike"})
    membrane = typed.model_copy(update={"options": {**typed.options, "scale": None}})
    named = record.cell.quantizer.model_copy(update={"options": {"name": "a b; c"}})
    cell = record.cell.model_copy(update={"quantizer": named, "membrane": membrane, "device": "cuda:1"})
    typed_words = list(pairwise(shlex.split(words.command(cell))))
    options = parse_pairs(word for flag, word in typed_words if flag == "--membrane-option")
    assert membrane_spec("uniform", 4, options) == typed
    assert [word for flag, word in typed_words if flag == "--option"] == ["name=a b; c"]
    assert ("--device", "cuda:1") in typed_words
    assert "--device" not in words.command(record.cell)


def test_every_view_spells_a_cell_alike(board: Board) -> None:
    """The run table leaves out defaults, boards and pictures what their rows share; what they say, they say alike."""
    rows = ranked_rows(board)
    cells = [row.entry.record.cell for row in rows]
    console = Console(file=io.StringIO(), width=200)
    console.print(results_table([row.entry.record for row in rows]))
    table = console.file.getvalue()
    names = dict(zip((cell.key for cell in cells), words.apart(cells), strict=True))
    pictured = {one.record.cell.key: one.label for one in read_series([row.entry.folder for row in rows])}
    assert pictured == names
    assert len(set(names.values())) == len(names)
    whole = next(column for column in columns(rows) if column.key == "quantizer")
    for row, cell in zip(rows, cells, strict=True):
        every = set(words.short(cell).split())
        assert names[cell.key] == f"{row.label}, {cell.quantizer.bits} bits"
        assert set(row.label.split()) <= every
        assert whole.value(row) == words.short(cell)
        assert words.long(cell).startswith(words.short(cell))
        assert set(network(cell).split()) <= every
        assert network(cell) in table
    gone = changes(board, Board(board.folder.with_name("none"), board.protocol))
    assert sorted(change.row for change in gone) == sorted(map(words.long, cells))
