"""Entries and boards side by side, and versions of a protocol."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import snnbench
from snnbench.errors import RecordError
from snnbench.examine.compare import ComparisonVerdict, compare, overall
from snnbench.leaderboard import Board, add, find_boards, read_board, rerun, table, verify
from snnbench.leaderboard.changes import changes
from snnbench.records.cell import ChipSpec, NetworkSpec, Origin
from snnbench.records.record import read_record
from snnbench.reporting import Silent
from snnbench.training.baseline import protocol_path

PROTOCOL = "digits-sew8"
Told = Callable[..., int]


def test_compare(board: Board) -> None:
    entries = {folder.name.split("-seed")[0]: folder for folder in board.entry_folders()}
    two, four = entries["uniform-2bit-ptq"], entries["uniform-4bit-ptq"]
    (better,) = compare(two, four)
    assert better.verdict is ComparisonVerdict.BETTER
    assert better.accuracy.value == pytest.approx(better.mcnemar.gained / 360 - better.mcnemar.lost / 360)
    (worse,) = compare(four, two)
    assert worse.verdict is ComparisonVerdict.WORSE
    assert worse.emd.value == -better.emd.value
    assert overall(compare(four, four)) is ComparisonVerdict.CANNOT_TELL
    assert len(compare(board.folder, board.folder)) == 4
    assert overall([]) is ComparisonVerdict.NOT_COMPARABLE


def test_exit_codes_of_compare(board: Board, told: Told, tmp_path: Path) -> None:
    entries = {folder.name.split("-seed")[0]: folder for folder in board.entry_folders()}
    two, four = entries["uniform-2bit-ptq"], entries["uniform-4bit-ptq"]
    assert told("compare", two, four) == 0
    assert told("compare", four, two) == 1
    assert told("compare", two, tmp_path / "nothing") == 2
    assert told("compare", two, two) == 3
    assert told("compare", four, other_version(four, tmp_path / "v2")) == 4


def test_what_cannot_be_compared_is_told_why(
    board: Board, told: Told, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    two, four, *rest = board.entry_folders()
    for folder in (four, *rest):
        shutil.copytree(folder, tmp_path / "others" / folder.name)
    assert told("compare", two, tmp_path / "others") == 4
    assert "no cell of one asks for what a cell of the other asks for" in capsys.readouterr().out
    again = other_version(four, tmp_path / "v2")
    assert told("compare", four, again) == 4
    assert "their protocols' versions or references differ" in capsys.readouterr().out
    assert told("compare", four, again, "--json") == 4
    assert "references differ" in json.loads(capsys.readouterr().out)["reason"]
    record = read_record(again)
    cell = record.cell.model_copy(update={"protocol": "other"})
    (again / "record.json").write_text(record.model_copy(update={"cell": cell, "key": cell.key}).to_json())
    for mine in (four, board.folder):
        assert told("compare", mine, again) == 4
        assert "their protocols differ" in capsys.readouterr().out


def test_boards_of_different_data_have_no_changes(shipped_boards: Path) -> None:
    digits, other = (read_board(shipped_boards / name) for name in ("digits-sew8-v1", "cifar10-sew8-v1"))
    with pytest.raises(RecordError, match=r"are of different data, digits and cifar10$"):
        changes(digits, other)


def test_compare_tells_that_chips_are_left_out(
    board: Board, told: Told, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    two = board.entry_folders()[0]
    again = tmp_path / "again"
    shutil.copytree(two, again)
    record = read_record(two)
    cell = record.cell.model_copy(
        update={"chip": ChipSpec(name="loihi", distribution=None, version=None, semantics={})}
    )
    (again / "record.json").write_text(record.model_copy(update={"cell": cell, "key": cell.key}).to_json())
    assert told("compare", two, again) == 3
    assert "all with float states: what loihi changes is not compared" in capsys.readouterr().out
    assert told("compare", board.folder, board.folder) == 3
    out = capsys.readouterr().out
    assert "4 cells compared; B over all: cannot tell" in out
    assert "float states" not in out


def test_compare_as_json(board: Board, told: Told, capsys: pytest.CaptureFixture[str]) -> None:
    entries = {folder.name.split("-seed")[0]: folder for folder in board.entry_folders()}
    assert told("compare", entries["uniform-2bit-ptq"], entries["uniform-4bit-ptq"], "--json") == 0
    document = json.loads(capsys.readouterr().out)
    (cell,) = document["cells"]
    assert document["verdict"] == cell["verdict"] == "better"
    assert cell["accuracy_change"]["low"] <= cell["accuracy_change"]["value"] <= cell["accuracy_change"]["high"]
    assert cell["firing_emd_change"]["high"] < 0
    assert "firing_drift" in cell["other_changes"]
    assert "accuracy_change" not in cell["other_changes"]  # once, paired, and not again by a wider interval
    assert cell["p_fires_like_reference"] == [1 / 1001, 1 / 1001]


def other_version(directory: Path, to: Path) -> Path:
    """A copy of a cell as the next version of its protocol would have it."""
    record = read_record(directory)
    cell = record.cell.model_copy(update={"protocol_version": 2, "fingerprint": "2" * 64})
    shutil.copytree(directory, to)
    (to / "record.json").write_text(record.model_copy(update={"cell": cell, "key": cell.key}).to_json())
    return to


@pytest.mark.parametrize("part", ["origin", "network"])
def test_records_of_two_releases_are_matched(board: Board, tmp_path: Path, part: str) -> None:
    folders = []
    for version in ("1", "2"):
        origin = Origin(distribution="models", version=version)
        network = NetworkSpec(model="mine", **origin.model_dump(), options={})
        folders.append(Path(shutil.copytree(board.folder, tmp_path / version)))
        for folder in read_board(folders[-1]).entry_folders():
            record = read_record(folder)
            cell = record.cell.model_copy(update={part: {"origin": origin, "network": network}[part]})
            (folder / "record.json").write_text(record.model_copy(update={"cell": cell, "key": cell.key}).to_json())
    assert len(compare(*folders)) == 4


@pytest.fixture
def next_version(board: Board, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The protocol at version 2 instead of version 1; returns the folder of boards, which has both."""
    shipped = protocol_path(PROTOCOL)
    folder = Path(shutil.copytree(shipped.parent, tmp_path / "protocol"))
    changes = {"version = 1": "version = 2", "[evaluate]": "[evaluate]\ndead_below = 0.1"}
    text = shipped.read_text()
    for old, new in changes.items():
        text = text.replace(old, new)
    (folder / shipped.name).write_text(text)
    for module in ("bench.bench", "leaderboard.adding"):
        monkeypatch.setattr(f"snnbench.{module}.protocol_path", lambda name: folder / shipped.name)
    boards = board.folder.parent
    for name, bits, options in (("float", None, {}), ("uniform", 2, {"clip": "absmax"})):
        (cell,) = snnbench.run(name, bits, options=options, protocol=PROTOCOL, out=tmp_path / "out")
        add(cell.directory, boards)
    return boards


def test_a_new_version_opens_a_new_board_and_the_old_one_stays(
    next_version: Path, results: list[Path], told: Told, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = find_boards(next_version)
    assert (old.name, new.name) == (f"{PROTOCOL}-v1", f"{PROTOCOL}-v2")
    assert [verdict for verdict in verify(next_version) if verdict.problems] == []
    assert len(table(old)) == 4
    assert len(table(new)) == 2
    with pytest.raises(RecordError, match="the record is of digits-sew8-v1, the board of digits-sew8-v2"):
        add(results[3], next_version)
    assert told("leaderboard", "diff", old.folder, new.folder) == 1
    said = capsys.readouterr().out
    assert said.count("gone: ") == 2
    assert "uniform grid=endpoint clip=absmax per=tensor range=signed, 2 bits, ptq, seed 0: accuracy" in said
    assert said.count("(EMD: beyond the intervals)") == 0
    assert told("leaderboard", "diff", old.folder, new.folder, "--json") == 1
    rows = json.loads(capsys.readouterr().out)
    assert [row["new"] for row in rows].count(None) == 2
    assert all(set(row) == {"row", "old", "new", "separate"} for row in rows)
    assert told("leaderboard", "diff", old.folder, old.folder) == 0
    assert told("compare", old.folder, new.folder) == 4
    assert all("installed is digits-sew8-v2" in v.problems[0] for v in rerun(old.folder, Silent()))
