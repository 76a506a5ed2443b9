"""What the key of a cell holds, and that earlier records keep theirs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from oracles.shipped import BOARDS, needs_boards

import snnbench
from snnbench.bench import control
from snnbench.bench.bench import open_bench
from snnbench.bench.run import make_cells
from snnbench.plugins.source import BUILT_IN_SINCE
from snnbench.protocols import digest
from snnbench.records.cell import Cell, ChipSpec, Origin, quantizer_spec
from snnbench.records.record import read_record
from snnbench.reporting import Silent

FILED = sorted(BOARDS.glob("*/entries/*/record.json"))


@pytest.fixture(scope="module")
def cell() -> Cell:
    spec = quantizer_spec("lqnet", 3, {})
    return make_cells(open_bench("digits-sew8"), [spec], None, "qat", 0)[0]


@pytest.mark.parametrize(
    "change",
    [
        {"origin": Origin(distribution="snnbench", version="0.1.1")},
        {"origin": Origin(distribution="another", version="0.1.0")},
        {"device": "cuda"},
        {"seed": 1},
        {"mode": "ptq"},
        {"limit": 40},
    ],
)
def test_what_determines_a_result_is_in_the_key(cell: Cell, change: dict) -> None:
    changed = cell.model_copy(update=change)
    assert changed.key != cell.key
    assert Cell.model_validate_json(changed.model_dump_json()) == changed


def test_a_release_that_changes_no_result_leaves_cells_as_they_are(cell: Cell) -> None:
    said = [read_record(path).cell for path in FILED]
    assert {each.quantizer.version for each in said if each.quantizer.distribution == "snnbench"} == {BUILT_IN_SINCE}
    assert (
        (cell.quantizer.version, cell.origin.version) == (BUILT_IN_SINCE, BUILT_IN_SINCE) != (snnbench.__version__,) * 2
    )


def test_the_bench_says_where_its_network_comes_from_and_where_it_runs() -> None:
    bench = open_bench("digits-sew8", device="meta")
    (cell,) = make_cells(bench, [quantizer_spec("float", None, {})], None, "ptq", 0)
    assert cell.device == "meta"
    assert cell.origin.distribution == "snnbench"


@needs_boards
def test_cells_of_filed_records_are_written_as_they_were() -> None:
    for file in FILED:
        assert read_record(file).cell.model_dump(mode="json") == json.loads(file.read_bytes())["cell"], file


def test_a_control_is_of_one_processor(cell: Cell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SNNBENCH_CACHE", str(tmp_path))
    asked: list[Path] = []
    bench = open_bench("digits-sew8", limit=20)

    class Asked(Exception):
        pass

    def load(path: Path) -> None:
        asked.append(path)
        raise Asked

    monkeypatch.setattr(control, "load_evaluation", load)
    for name in ("one", "another"):
        monkeypatch.setattr(control, "processor", lambda name=name: name)
        with pytest.raises(Asked):
            control.control_evaluations(bench, cell, bench.reference(Silent()), Silent())
    parts = {"torch": torch.__version__, "processor": "one", "engine": control.training_engine(bench)}
    mine = digest({"cell": control.control_cell(cell).key, **parts})
    assert asked[0].stem == mine
    assert asked[0] != asked[1]


def test_a_control_is_trained_once_for_cells_on_and_off_a_chip(cell: Cell) -> None:
    put = cell.model_copy(update={"chip": ChipSpec(name="int", distribution=None, version=None, semantics={})})
    assert put.key != cell.key
    assert control.control_cell(put).key == control.control_cell(cell).key
