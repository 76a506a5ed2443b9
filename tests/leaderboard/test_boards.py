"""Filing, verifying and showing entries."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from snnbench.bench.record import Score
from snnbench.bench.reporting import Silent
from snnbench.errors import RecordError
from snnbench.functional import mcnemar_test
from snnbench.leaderboard import Board, add, find_boards, read_board, stale_tables, table, verify, write_tables
from snnbench.leaderboard.columns import COLUMNS
from snnbench.leaderboard.comparison import Verdict, compare, overall
from snnbench.leaderboard.ranking import accuracy_wins, difference, emd_wins, front, rank_ranges, ranked_rows
from snnbench.leaderboard.rerun import rerun_board


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


def test_a_record_is_filed_once(results: list[Path], boards: Path) -> None:
    with pytest.raises(RecordError, match="on board 'digits-sew8-v1' already"):
        add(results[0], boards)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"environment__engine": "compiled"}, "eager"),
        ({"rankable": False}, "never ranked"),
        ({"metrics__firing_emd": {"value": None, "reason": "too few"}}, "firing_emd failed"),
        ({"audit__findings": ["layer fc holds 99 levels"]}, "--declare-findings"),
        ({"schema_version": 2}, "not valid"),
        ({"key": "0" * 64}, "altered"),
    ],
)
def test_what_does_not_belong_is_refused(
    results: list[Path], boards: Path, tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    next(boards.glob("*/entries/uniform-2bit*")).rename(tmp_path / "away")
    with pytest.raises(RecordError, match=message):
        add(edited(results[2], tmp_path / results[2].name, **changes), boards)
    assert not list(boards.glob("*/entries/uniform-2bit*"))


def test_a_score_that_the_evidence_contradicts_is_refused(results: list[Path], boards: Path, tmp_path: Path) -> None:
    next(boards.glob("*/entries/uniform-2bit*")).rename(tmp_path / "away")
    better = edited(results[2], tmp_path / "cell", metrics__firing_drift={"value": 0.01, "low": 0.01, "high": 0.01})
    with pytest.raises(RecordError, match=r"firing_drift is 0\.01 in the record"):
        add(better, boards)
    assert sorted(path.name for path in boards.glob("*/entries/*")) == sorted(
        path.name for path in results if not path.name.startswith("uniform-2bit")
    )


def test_measuring_again_gives_the_same_counts(board: Board) -> None:
    assert [verdict.problems for verdict in rerun_board(board, None, False, Silent())] == [()] * 4


def test_required_rows(board: Board, tmp_path: Path) -> None:
    for folder in board.entry_folders():
        if folder.name.startswith("float"):
            shutil.move(folder, tmp_path)
    with pytest.raises(RecordError, match="no ptq row of quantizer 'float'"):
        write_tables(read_board(board.folder))
    assert any("float" in problem for verdict in verify(board.folder) for problem in verdict.problems)


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


@given(st.integers(1, 6), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_accuracy_wins_against_pairwise_tests(rows: int, samples: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    hits = torch.rand(rows, samples, generator=generator) < torch.rand(rows, 1, generator=generator)
    wins = accuracy_wins(hits)
    for i in range(rows):
        for j in range(rows):
            test = mcnemar_test(hits[i], hits[j])
            assert wins[i, j] == (test.p_value < 0.05 and test.gained > test.lost)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=8))
def test_front_against_plain_loops(points: list[tuple[int, int, int]]) -> None:
    def dominated(point: tuple[int, ...]) -> bool:
        return any(all(a <= b for a, b in zip(o, point, strict=True)) and o != point for o in points)

    assert front(np.array(points, dtype=float)).tolist() == [not dominated(point) for point in points]


def test_rank_ranges() -> None:
    wins = np.array([[0, 0, 1], [0, 0, 1], [0, 0, 0]], dtype=bool)
    assert rank_ranges(wins) == [(1, 2), (1, 2), (3, 3)]


def test_intervals_that_overlap_are_a_tie() -> None:
    near, alike, far = (Score(value=v, low=v - 0.01, high=v + 0.01) for v in (0.1, 0.11, 0.5))
    assert emd_wins([near, alike, far]).tolist() == [[False, False, True], [False, False, True], [False] * 3]
    assert difference(near, far).high == pytest.approx(-0.4 + np.hypot(0.01, 0.01))


def test_compare(board: Board) -> None:
    entries = {folder.name.split("-seed")[0]: folder for folder in board.entry_folders()}
    two, four = entries["uniform-2bit-ptq"], entries["uniform-4bit-ptq"]
    (better,) = compare(two, four)
    assert better.verdict is Verdict.BETTER
    assert better.accuracy.value == pytest.approx(better.mcnemar.gained / 360 - better.mcnemar.lost / 360)
    (worse,) = compare(four, two)
    assert worse.verdict is Verdict.WORSE
    assert worse.emd.value == -better.emd.value
    assert overall(compare(four, four)) is Verdict.CANNOT_TELL
    assert len(compare(board.folder, board.folder)) == 4
    assert overall([]) is Verdict.NOT_COMPARABLE


def test_no_board(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="no leaderboard in"):
        find_boards(tmp_path)
