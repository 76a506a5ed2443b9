"""Filing, verifying and showing entries."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from snnbench.bench.bench import Bench, open_bench
from snnbench.errors import OptionError, RecordError, SnnbenchError
from snnbench.leaderboard import Board, add, find_boards, read_board, stale_tables, table, verify, write_tables
from snnbench.leaderboard.adding import _file_reference
from snnbench.leaderboard.columns import columns
from snnbench.leaderboard.identity import record_problems
from snnbench.leaderboard.ranking import ranked_rows
from snnbench.leaderboard.sums import write_sums
from snnbench.leaderboard.verification import control_problems
from snnbench.leaderboard.weights import audit_problems
from snnbench.records.record import Control, Record, read_record
from snnbench.records.score import Score
from snnbench.reporting import Silent
from snnbench.sweeps.grid import read_grids
from snnbench.sweeps.plan import Benches, make_plan

PROTOCOL = "digits-sew8"


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
    monkeypatch.setattr("snnbench.bench.bench.Bench.evaluate", None)
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


def test_cells_beside_a_refused_one_are_filed(
    results: list[Path],
    boards: Path,
    tmp_path: Path,
    told: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    entry = next(boards.glob("*/entries/uniform-2bit*"))
    entry.rename(tmp_path / "away")
    assert told("leaderboard", "add", results[0], results[2], "--to", boards) == 2
    said = capsys.readouterr()
    assert f"Added: {entry}" in said.out
    assert entry.is_dir()
    assert "is on board 'digits-sew8-v1' already" in said.err
    assert said.err.endswith("1 of 2 cells added\n")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"environment__engine": "integer"}, "measure with --engine auto"),
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
        ({"protocol_version": 2}, "installed is digits-sew8-v1, not digits-sew8-v2"),
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
    with pytest.raises(SnnbenchError, match=message):
        add(copy, boards)


def test_a_score_that_the_evidence_contradicts_is_refused(results: list[Path], boards: Path, tmp_path: Path) -> None:
    next(boards.glob("*/entries/uniform-2bit*")).rename(tmp_path / "away")
    better = edited(results[2], tmp_path / "cell", metrics__firing_drift={"value": 0.01, "low": 0.01, "high": 0.01})
    with pytest.raises(RecordError, match=r"firing_drift is 0\.01 in the record"):
        add(better, boards)
    assert sorted(path.name for path in boards.glob("*/entries/*")) == sorted(
        path.name for path in results if not path.name.startswith("uniform-2bit")
    )


def test_a_control_of_another_machine_need_only_be_near(board: Board) -> None:
    plain, quantized = (
        next(entry for entry in board.entries if entry.name.startswith(name)) for name in ("float", "lqnet")
    )
    control = replace(plain, record=as_tuned(plain.record))
    scores = {name: plain.record.metrics[name] for name in ("accuracy", "firing_emd", "firing_drift")}

    def problems(by: float, processor: str) -> list[str]:
        moved = {name: score.model_copy(update={"value": (score.value or 0) + by}) for name, score in scores.items()}
        environment = quantized.record.environment.model_copy(update={"processor": processor})
        changes = {"control": Control(**moved), "environment": environment}
        tuned = replace(quantized, record=as_tuned(quantized.record).model_copy(update=changes))
        return control_problems([tuned], [control])

    here = plain.record.environment.processor
    assert problems(0, here) == []
    assert len(problems(1e-6, here)) == 3
    assert problems(1e-6, "another") == []
    assert len(problems(0.03, "another")) == 3
    control = replace(plain, record=without_metrics(as_tuned(plain.record), "firing_drift"))
    assert len(problems(1e-6, here)) == 2


def as_tuned(record: Record) -> Record:
    return record.model_copy(update={"cell": record.cell.model_copy(update={"mode": "qat"})})


def without_metrics(record: Record, *names: str) -> Record:
    return record.model_copy(update={"metrics": {k: v for k, v in record.metrics.items() if k not in names}})


def test_a_protocol_may_ask_for_the_metrics_that_rank_alone(board: Board) -> None:
    for folder in board.entry_folders():
        record = read_record(folder)
        others = set(record.metrics) - {"accuracy", "firing_emd"}
        (folder / "record.json").write_text(without_metrics(record, *others).to_json())
    rows = table(read_board(board.folder))
    assert "accuracy_change" not in rows
    assert rows["firing_emd"].notna().all()
    assert write_tables(read_board(board.folder))


def test_a_protocol_without_the_metrics_that_rank_is_refused(board: Board) -> None:
    rules = board.protocol.evaluate.model_copy(update={"metrics": ("accuracy",)})
    protocol = board.protocol.model_copy(update={"evaluate": rules})
    told = list(record_problems(protocol, board.entries[0].record))
    assert any(problem.startswith("a board ranks by firing_emd") for problem in told)


def test_layers_of_a_quantizer_of_fixed_bits_declare_its_own(board: Board) -> None:
    entry = next(entry for entry in board.entries if entry.name.startswith("lqnet"))
    layer = entry.record.audit.weights[0].layer
    rules = board.protocol.quantize.model_copy(update={"bits": {layer: 8}})
    assert audit_problems(board.protocol.model_copy(update={"quantize": rules}), entry) == []


def test_a_record_is_filed_with_the_reference_of_its_device(
    results: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(*words: object, device: str = "cpu", **options: object) -> Bench:
        raise RecordError(f"opened on {device}")

    monkeypatch.setattr("snnbench.leaderboard.adding.bench_of", opened)
    with pytest.raises(RecordError, match="opened on meta"):
        add(on_device(results[0], tmp_path / "meta", "meta"), tmp_path)
    with pytest.raises(OptionError, match="'nowhere' cannot be used"):
        add(on_device(results[0], tmp_path / "nowhere", "nowhere"), tmp_path)


def on_device(directory: Path, to: Path, device: str) -> Path:
    record = read_record(directory)
    cell = record.cell.model_copy(update={"device": device})
    shutil.copytree(directory, to)
    (to / "record.json").write_text(record.model_copy(update={"cell": cell, "key": cell.key}).to_json())
    return to


def test_required_rows(board: Board, tmp_path: Path) -> None:
    for folder in board.entry_folders():
        if folder.name.startswith("float"):
            shutil.move(folder, tmp_path)
    lacking = "no ptq row of quantizer 'float', seed 0: snnbench run -q float --mode ptq --seed 0 -p digits-sew8-v1"
    with pytest.raises(RecordError, match=lacking):
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
    assert list(frame) == [column.key for column in columns(ranked_rows(board))]
    assert frame["firing_emd"].tolist() == pytest.approx(table(board)["firing_emd"].tolist(), rel=1e-12)
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


def test_the_reference_rows_are_the_boards(shipped_boards: Path) -> None:
    """The grid that opens a board asks for the rows that the shipped boards have."""
    tasks = make_plan(read_grids(shipped_boards / "reference-rows.toml", {"protocol": PROTOCOL}), Benches(None, "cpu"))
    rows = {folder.name for folder in read_board(shipped_boards / f"{PROTOCOL}-v1").entry_folders()}
    assert {task.cell.folder for task in tasks} <= rows
    assert len(tasks) == 17


@pytest.mark.parametrize("read", [read_board, find_boards])
def test_no_board(tmp_path: Path, read: Callable[[Path], object]) -> None:
    with pytest.raises(RecordError, match="; a board is made by"):
        read(tmp_path / "alone")


@pytest.mark.parametrize("read", [read_board, find_boards])
def test_a_board_whose_version_was_left_out_is_named(shipped_boards: Path, read: Callable[[Path], object]) -> None:
    with pytest.raises(RecordError, match=f"did you mean '{PROTOCOL}-v1'"):
        read(shipped_boards / PROTOCOL)
