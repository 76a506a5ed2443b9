"""Filing, verifying and showing entries."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from snnbench.bench.evaluate import Evaluation
from snnbench.bench.record import Score, read_record
from snnbench.bench.reference import Bench, open_bench
from snnbench.bench.reporting import Silent
from snnbench.bench.sweep.grid import read_grids
from snnbench.bench.sweep.plan import Benches, make_plan
from snnbench.errors import RecordError
from snnbench.leaderboard import Board, add, find_boards, read_board, rerun, stale_tables, table, verify, write_tables
from snnbench.leaderboard.adding import _file_reference
from snnbench.leaderboard.columns import COLUMNS
from snnbench.leaderboard.ranking import ranked_rows
from snnbench.leaderboard.rerunning import Gap
from snnbench.leaderboard.rerunning import problems as tolerance_problems
from snnbench.leaderboard.sums import write_sums

PROTOCOL = "digits-sew8"
Told = Callable[..., int]


def edited(directory: Path, to: Path, **changes: object) -> Path:
    """A copy of a finished cell with fields of its record replaced; `a__b` means `b` in `a`."""
    copy = Path(shutil.copytree(directory, to))
    document = json.loads((copy / "record.json").read_text())
    for name, value in changes.items():
        *outer, last = name.split("__")
        part = document
        for key in outer:
            part = part[key]
        part[last] = value
    (copy / "record.json").write_text(json.dumps(document))
    return copy


def test_a_filed_board_verifies_without_model_or_data(filed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNNBENCH_CACHE", "/nonexistent")
    monkeypatch.setattr("snnbench.bench.reference.Bench.evaluate", None)
    verdicts = list(verify(filed))
    assert len(verdicts) == 4 + 1 + 1
    assert [verdict for verdict in verdicts if verdict.problems] == []
    assert max(verdict.seconds for verdict in verdicts) < 5


def test_entries_are_small(filed: Path) -> None:
    for file in filed.rglob("evidence.safetensors"):
        assert file.stat().st_size < 600_000


def test_a_failed_cell_is_not_filed(boards: Path, tmp_path: Path) -> None:
    failure = tmp_path / "lqnet-4bit-ptq-seed0-0a1b2c3d4e5f.failed.json"
    failure.write_text("{}")
    with pytest.raises(RecordError, match="is a failed cell; 'snnbench results show' says why"):
        add(failure, boards)


def test_a_record_is_filed_once(results: list[Path], boards: Path) -> None:
    with pytest.raises(RecordError, match=r"on board 'digits-sew8-v1' already; remove .* to replace it"):
        add(results[0], boards)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"environment__engine": "integer"}, "measure with --engine eager"),
        ({"rankable": False}, "never ranked"),
        ({"metrics__firing_emd": {"value": None, "reason": "too few"}}, "firing_emd failed .*; measure again with: "),
        ({"metrics": {}}, "its metrics are not the protocol's: .*; measure again with: snnbench run"),
        ({"audit__findings": ["layer fc holds 99 levels"]}, "--declare-findings"),
        ({"schema_version": 2}, "not valid.* measure it again with --force"),
        ({"key": "0" * 64}, "altered.* measure it again with --force"),
        ({"audit__packed_bits": 1}, "not the sum of its layers; unless .* measure again with: snnbench run .* --force"),
    ],
)
def test_what_does_not_belong_is_refused(
    results: list[Path], boards: Path, tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    next(boards.glob("*/entries/uniform-2bit*")).rename(tmp_path / "away")
    with pytest.raises(RecordError, match=message):
        add(edited(results[2], tmp_path / results[2].name, **changes), boards)
    assert not list(boards.glob("*/entries/uniform-2bit*"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": 9}, r"seed 9 is not one of the protocol's \(0, 1, 2\); measure with --seed 0"),
        ({"weights": "0" * 64}, "its baseline is not the protocol's for seed 0; measure again with: snnbench run"),
        ({"fingerprint": "0" * 64}, "fingerprint is not digits-sew8-v1's; measure again with: snnbench run"),
        ({"protocol_version": 2}, "the record is of digits-sew8-v2, the board of digits-sew8-v1; measure again with"),
        ({"limit": 20}, "--limit or --model are never ranked; measure without them"),
        ({"data": {"train": "0" * 64, "test": "0" * 64}}, "data set 'digits'; prepare that, and measure again"),
    ],
)
def test_other_cells_are_refused_and_how_to_mend_that(
    results: list[Path], boards: Path, tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    record = read_record(results[2])
    cell = record.cell.model_copy(update=changes)
    copy = Path(shutil.copytree(results[2], tmp_path / "cell"))
    (copy / "record.json").write_text(record.model_copy(update={"cell": cell, "key": cell.key}).to_json())
    with pytest.raises(RecordError, match=message):
        add(copy, boards)


def test_a_score_that_the_evidence_contradicts_is_refused(results: list[Path], boards: Path, tmp_path: Path) -> None:
    next(boards.glob("*/entries/uniform-2bit*")).rename(tmp_path / "away")
    better = edited(results[2], tmp_path / "cell", metrics__firing_drift={"value": 0.01, "low": 0.01, "high": 0.01})
    with pytest.raises(RecordError, match=r"firing_drift is 0\.01 in the record"):
        add(better, boards)
    assert sorted(path.name for path in boards.glob("*/entries/*")) == sorted(
        path.name for path in results if not path.name.startswith("uniform-2bit")
    )


def test_measuring_again_gives_the_same_counts(board: Board) -> None:
    assert [verdict.problems for verdict in rerun(board.folder, Silent())] == [()] * 4


def test_an_entry_alone_is_verified_and_measured_again(
    board: Board, told: Told, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = next(folder for folder in board.entry_folders() if folder.name.startswith("lqnet"))
    assert told("leaderboard", "verify", entry, "--rerun", "--json") == 0
    checked, measured = json.loads(capsys.readouterr().out)
    assert checked["name"] == f"{board.name}/{entry.name}"
    assert measured["name"] == f"{board.name}/{entry.name} measured again"
    assert measured["note"] == "predictions and counts are the same; reference: predictions and counts are the same"
    (entry / "evidence.safetensors").write_bytes(b"")
    assert told("leaderboard", "verify", entry, "--json") == 1
    (checked,) = json.loads(capsys.readouterr().out)
    assert checked["problems"]


@pytest.mark.parametrize(
    ("gap", "same_machine", "elsewhere"),
    [
        (Gap(changed=0, drift=0, equal=True), 0, 0),
        (Gap(changed=0, drift=1e-9, equal=False), 1, 0),
        (Gap(changed=0.002, drift=0.001, equal=False), 1, 0),
        (Gap(changed=0.0021, drift=0.001, equal=False), 1, 1),
        (Gap(changed=0.002, drift=0.0011, equal=False), 1, 1),
        (Gap(changed=0.0021, drift=0.0011, equal=False), 1, 2),
    ],
)
def test_how_far_a_network_measured_again_may_be(gap: Gap, same_machine: int, elsewhere: int) -> None:
    assert len(list(tolerance_problems(gap, True, "its"))) == same_machine
    assert len(list(tolerance_problems(gap, False, "its"))) == elsewhere


def test_another_network_is_not_the_entrys(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that answers every image otherwise is told from the entry's on either kind of machine."""
    entry = next(folder for folder in board.entry_folders() if folder.name.startswith("lqnet"))
    evaluate = Bench.evaluate

    def other(self: Bench, *words: Any, **options: Any) -> Evaluation:
        found = evaluate(self, *words, **options)
        return replace(found, logits=found.logits.roll(1, dims=1))

    monkeypatch.setattr(Bench, "evaluate", other)
    (here,) = rerun(entry, Silent())
    assert "its evidence is of this kind of machine, and 100.00 % of the predictions" in here.problems[0]
    monkeypatch.setattr("snnbench.leaderboard.rerunning._same_machine", lambda entry: False)
    (elsewhere,) = rerun(entry, Silent())
    assert "100.00 % of its predictions are others; 0.2 % may be" in elsewhere.problems[0]


def test_required_rows(board: Board, tmp_path: Path) -> None:
    for folder in board.entry_folders():
        if folder.name.startswith("float"):
            shutil.move(folder, tmp_path)
    with pytest.raises(RecordError, match="no ptq row of quantizer 'float'"):
        write_tables(read_board(board.folder))
    assert any("float" in problem for verdict in verify(board.folder) for problem in verdict.problems)


def state_seed_floor(entries: list[Path], value: float) -> None:
    for folder in entries:
        changed = read_record(folder).model_copy(update={"seed_floor": Score(value=value, low=None, high=None)})
        (folder / "record.json").write_text(changed.to_json())
        write_sums(folder)


def test_the_seed_floor_is_that_of_the_other_entries_and_of_the_references(board: Board) -> None:
    def problems() -> list[str]:
        return [problem for verdict in verify(board.folder) for problem in verdict.problems]

    stated = board.entries[0].record.seed_floor
    assert stated is not None
    assert f"seed to seed {stated.value:.4f}" in (write_tables(board), (board.folder / "table.md").read_text())[1]
    state_seed_floor(board.entry_folders()[:1], 0.5)
    assert any("seed floors of 0.01" in problem and "0.5" in problem for problem in problems())
    state_seed_floor(board.entry_folders(), 0.5)
    assert problems() == []  # nothing here can tell
    for seed in (1, 2):
        _file_reference(board, open_bench(PROTOCOL, seed), Silent())
    assert any("seed floors of 0.01" in problem for problem in problems())
    state_seed_floor(board.entry_folders(), stated.value)
    assert problems() == []


def test_tables_are_generated_and_checked(board: Board) -> None:
    assert len(stale_tables(board)) == 4
    files = {path.suffix: path for path in write_tables(board)}
    assert stale_tables(board) == []
    frame = pd.read_csv(files[".csv"])
    assert list(frame) == [column.key for column in COLUMNS]
    assert frame["firing_emd"].tolist() == table(board)["firing_emd"].tolist()
    for path in files.values():
        assert "lqnet" in path.read_text()
    files[".md"].write_text(files[".md"].read_text().replace("lqnet", "mine"))
    assert stale_tables(board) == [files[".md"]]


def test_float_is_shown_and_not_ranked(board: Board) -> None:
    rows = {row.entry.record.cell.folder.split("-seed")[0]: row for row in ranked_rows(board)}
    assert rows["float-32bit-ptq"].accuracy_rank is None
    assert rows["uniform-2bit-ptq"].accuracy_rank == (3, 3)
    assert rows["float-32bit-ptq"].on_front


def test_the_front_is_of_declared_bits(board: Board) -> None:
    marked = {row.entry.name.split("-seed")[0]: row.on_front for row in ranked_rows(board)}
    assert marked == {
        "float-32bit-ptq": True,
        "uniform-4bit-ptq": True,
        "lqnet-2bit-ptq": True,
        "uniform-2bit-ptq": False,  # smaller than lqnet's, and worse at the same bits
    }


def test_the_reference_rows_are_the_boards() -> None:
    """The grid that opens a board asks for the rows that the shipped boards have."""
    shipped = Path(__file__).resolve().parents[2] / "leaderboards"
    if not shipped.is_dir():
        pytest.skip("not a checkout: there is no folder leaderboards")
    tasks = make_plan(read_grids(shipped / "reference-rows.toml", {"protocol": PROTOCOL}), Benches(None, "cpu"))
    rows = {folder.name for folder in read_board(shipped / f"{PROTOCOL}-v1").entry_folders()}
    assert {task.cell.folder for task in tasks} <= rows
    assert len(tasks) == 17


def test_no_board(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="no leaderboard in"):
        find_boards(tmp_path)
