"""Rows of cells on a chip: filed, shown, ranked among themselves, and checked number by number."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from oracles.shipped import DIGITS, needs_boards
from safetensors.torch import load_file, save_file

import snnbench
from snnbench.errors import RecordError
from snnbench.leaderboard import add, read_board, rerun, table
from snnbench.leaderboard.board import read_entry
from snnbench.leaderboard.changes import changes
from snnbench.leaderboard.charts import scatter_figure
from snnbench.leaderboard.chip_columns import GAP_SCORES, gap_columns
from snnbench.leaderboard.chip_rows import chip_problems
from snnbench.leaderboard.columns import columns
from snnbench.leaderboard.ranking import ranked_rows
from snnbench.leaderboard.rescoring import correct
from snnbench.leaderboard.scorecard import chip_lines
from snnbench.leaderboard.sums import write_sums
from snnbench.leaderboard.verification import require_rows, verify_entry
from snnbench.records.chip_evidence import CHIP_EVIDENCE_FILE
from snnbench.records.words import command
from snnbench.reporting import Silent

pytestmark = needs_boards
NOT_CHECKED = {(score, end) for score in ("firing_emd", "firing_drift") for end in ("low", "high")}


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """The shipped board of digits with a row more, which is on a chip."""
    folder = tmp_path_factory.mktemp("chip-rows")
    shutil.copytree(DIGITS, folder / "boards" / DIGITS.name)
    options = {"protocol": "digits-sew8", "out": folder / "results", "engine": "eager"}
    (done,) = snnbench.run("uniform", 2, chip="int", options={"clip": "absmax"}, **options)
    return done.directory, add(done.directory, folder / "boards")


@pytest.fixture
def copied(shared, tmp_path):
    """Copies of the finished cell and of its row on a board."""
    directory, folder = shared
    shutil.copytree(folder.parents[1], tmp_path / "boards" / DIGITS.name)
    cell = Path(shutil.copytree(directory, tmp_path / directory.name))
    return cell, tmp_path / "boards" / DIGITS.name / "entries" / folder.name


def board_of(folder):
    return read_board(folder.parents[1])


def problems(folder):
    write_sums(folder)
    return verify_entry(board_of(folder), folder).problems


def test_a_row_on_a_chip_is_filed_with_its_evidence_and_verifies(shared):
    _, folder = shared
    assert (folder / CHIP_EVIDENCE_FILE).stat().st_size < 600_000
    assert verify_entry(board_of(folder), folder).problems == ()


def test_a_board_shows_the_gap_in_columns_with_intervals(shared):
    _, folder = shared
    frame, gap = table(board_of(folder)), read_entry(folder).record.chip
    on_chip = frame[frame.quantizer.str.endswith(" on int")]
    assert len(on_chip) == 1
    for score in GAP_SCORES:
        assert on_chip[f"chip_{score.name}"].item() == getattr(gap, score.name).value
        assert " to " in on_chip[f"chip_{score.name}_interval"].item()
    assert on_chip["chip_first"].item() == f"{gap.first_layer}, step {gap.first_step}"
    assert on_chip["chip_silent"].item() == len(gap.silent)
    others = frame[~frame.quantizer.str.endswith(" on int")]
    assert others.chip_accuracy.isna().all()


def test_boards_without_chips_have_no_columns_of_them():
    rows = ranked_rows(read_board(DIGITS))
    assert not {column.key for column in gap_columns()} & {column.key for column in columns(rows)}


def test_rows_on_a_chip_are_ranked_among_themselves_and_move_no_other(shared):
    _, folder = shared
    board = board_of(folder)
    rows = {row.entry.name: row for row in ranked_rows(board)}
    plain = {row.entry.name: row for row in ranked_rows(read_board(DIGITS))}
    assert {name: rows[name].accuracy_rank for name in plain} == {n: row.accuracy_rank for n, row in plain.items()}
    assert {name: rows[name].emd_rank for name in plain} == {name: row.emd_rank for name, row in plain.items()}
    own = rows[folder.name]
    assert (own.accuracy_rank, own.emd_rank, own.label) == ((1, 1), (1, 1), "uniform clip=absmax on int")
    assert float(correct(board, own.entry).double().mean()) == own.entry.record.chip.accuracy.value


def test_a_row_on_a_chip_stands_for_no_required_row(copied):
    _, folder = copied
    for entry in folder.parent.glob("uniform-*"):
        if entry != folder:
            shutil.rmtree(entry)
    assert any("uniform" in problem for problem in require_rows(board_of(folder)))


def test_views_tell_rows_on_a_chip_from_others(shared):
    _, folder = shared
    record = read_entry(folder).record
    assert "--chip int" in command(record.cell)
    assert [line.name for line in chip_lines(record)] == [score.heading for score in GAP_SCORES]
    (change,) = changes(read_board(DIGITS), board_of(folder))
    assert change.row.endswith(" on int, 2 bits, ptq, seed 0")
    points = [name for trace in scatter_figure(ranked_rows(board_of(folder)))["data"] for name in trace["customdata"]]
    assert f"{folder.name}.html" not in points


def leaves(document, path=()):
    if isinstance(document, dict | list):
        for key, value in document.items() if isinstance(document, dict) else enumerate(document):
            yield from leaves(value, (*path, key))
    else:
        yield path, document


def changed(value):
    if isinstance(value, str):
        return f"{value}x"
    return 0.5 if value is None else value + 1 if isinstance(value, int) else value * 1.01 + 1e-6


def test_every_number_of_a_gap_is_checked(shared):
    board, entry = board_of(shared[1]), read_entry(shared[1])
    gap = entry.record.chip.model_dump(mode="json")
    assert chip_problems(board, entry) == []
    for path, value in leaves(gap):
        if (
            path[0] == "excess"
            or (path[0] == "layers" and path[1] > 1)
            or path[1:] == ("reason",)
            or path in NOT_CHECKED
        ):
            continue
        edited = json.loads(json.dumps(gap))
        part = edited
        for key in path[:-1]:
            part = part[key]
        part[path[-1]] = changed(value)
        record = entry.record.model_copy(
            update={"chip": type(entry.record.chip).model_validate_json(json.dumps(edited))}
        )
        assert chip_problems(board, replace(entry, record=record)), path


@pytest.mark.parametrize(("score", "said"), [("firing_emd", "too wide"), ("firing_drift", "no interval")])
def test_intervals_that_cannot_be_are_told(shared, score, said):
    board, entry = board_of(shared[1]), read_entry(shared[1])
    own = getattr(entry.record.chip, score)
    wide = own.model_copy(update={"low": 0.0, "high": 1.0} if said == "too wide" else {"low": None, "high": None})
    chip = entry.record.chip.model_copy(update={score: wide})
    assert said in " ".join(chip_problems(board, replace(entry, record=entry.record.model_copy(update={"chip": chip}))))


@pytest.mark.parametrize("key", ["predictions", "0000/stem.neuron/differing", "0000/stem.neuron/overflows", "counts"])
def test_evidence_of_another_outcome_is_told(copied, key):
    _, folder = copied
    tensors = load_file(folder / CHIP_EVIDENCE_FILE)
    if key == "counts":  # two neurons change places
        counts = tensors["0000/stem.neuron/counts"].view(-1)
        order = counts.long().argsort()
        counts[order[[0, -1]]] = counts[order[[-1, 0]]]
    else:
        moved = tensors[key].long().flatten()
        moved[0] = moved[0] + 1 if moved[0] < 9 else moved[0] - 1
        tensors[key] = moved.view(tensors[key].shape).to(torch.int32)
    save_file(tensors, folder / CHIP_EVIDENCE_FILE)
    assert any("by its evidence" in problem for problem in problems(folder))


def test_missing_evidence_of_a_chip_is_told(copied):
    cell, folder = copied
    (folder / CHIP_EVIDENCE_FILE).unlink()
    assert any("chip.safetensors' cannot be read" in problem for problem in problems(folder))
    shutil.rmtree(folder)
    (cell / CHIP_EVIDENCE_FILE).unlink()
    with pytest.raises(RecordError, match=r"chip\.safetensors' cannot be read .* measure the cell again with --force"):
        add(cell, folder.parents[2])
    assert not folder.exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"distribution": None}, "chip 'int' is of a file; a plugin"),
        ({"semantics": {"membrane": {"bits": 17}}}, "the document of chip 'int' is not that of its version"),
        ({"semantics": {"name": "ink"}}, "the document of chip 'int' is of 'ink', in integer arithmetic"),
        ({"semantics": {"membrane": {"bits": 99}}}, "the document of chip 'int' is not valid"),
    ],
)
def test_a_chip_is_that_of_its_name(shared, changes, said):
    board, entry = board_of(shared[1]), read_entry(shared[1])
    spec = entry.record.cell.chip
    semantics = json.loads(json.dumps(spec.semantics))
    for section, values in changes.pop("semantics", {}).items():
        semantics[section] = {**semantics[section], **values} if isinstance(values, dict) else values
    cell = entry.record.cell.model_copy(update={"chip": spec.model_copy(update={**changes, "semantics": semantics})})
    told = chip_problems(board, replace(entry, record=entry.record.model_copy(update={"cell": cell})))
    assert [line for line in told if said in line]


def test_a_gap_without_a_chip_is_told(shared):
    board, entry = board_of(shared[1]), read_entry(shared[1])
    cell = entry.record.cell.model_copy(update={"chip": None})
    told = chip_problems(board, replace(entry, record=entry.record.model_copy(update={"cell": cell})))
    assert told == ["it has a chip or a chip gap, and not both"]


@pytest.mark.slow
def test_measured_again_a_row_on_a_chip_is_the_same(copied):
    _, folder = copied
    again = list(rerun(folder, Silent()))
    assert [verdict.problems for verdict in again] == [()]
    document = json.loads((folder / "record.json").read_text())
    document["chip"]["firing_emd"]["high"] += 1e-4
    (folder / "record.json").write_text(json.dumps(document))
    write_sums(folder)
    (told,) = rerun(folder, Silent())
    assert "chip.firing_emd.high" in told.problems[0]
