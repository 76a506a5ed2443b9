"""Listing, exporting and cleaning results, through the command line."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from snnbench.bench.metrics import METRICS, columns
from snnbench.cli.main import main
from snnbench.cli.results import ExportFormat, _encode, _print, show
from snnbench.errors import OptionError, RecordError
from snnbench.records import store
from snnbench.records.cleanup import collect
from snnbench.records.results import _RECORD, _identity, as_frame, find_row, ordered, read_rows, select


@pytest.fixture
def results(tiny: Callable, sweep: Callable, tmp_path: Path) -> Path:
    """Two finished cells, a failed one and a damaged one."""
    out = tmp_path / "out"
    sweep([*tiny(bits=[1, 2, 3]), *tiny("raise")], out)
    next(out.glob("*/faulty-3bit*/record.json")).write_bytes(b"{")
    return out


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    def cli(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["snnbench", *map(str, arguments)])
        code = main()
        return code, capsys.readouterr().out

    return cli


def test_rows_tell_finished_failed_and_damaged_apart(results: Path) -> None:
    rows = read_rows(results)
    assert as_frame(rows)["status"].value_counts().to_dict() == {"finished": 2, "failed": 1, "damaged": 1}
    assert [row["quantizer"] for row in select(rows, {"status": "finished", "bits": "2"})] == ["faulty"]
    for refuse in (lambda: select(rows, {"bit": "2"}), lambda: ordered(rows, "bit")):
        with pytest.raises(OptionError, match="did you mean 'bits'"):
            refuse()


def test_a_metric_does_not_pass_for_the_bits_of_the_membrane(results: Path) -> None:
    file = next(results.glob("*/faulty-1bit*/record.json"))
    record = json.loads(file.read_bytes())
    record["metrics"]["membrane_bits"] = {"value": 11.0}
    file.write_text(json.dumps(record))
    (row,) = select(read_rows(results), {"status": "finished", "bits": "1"})
    assert (row["membrane_bits"], row["needed_membrane_bits"]) == (None, 11.0)


def test_columns_are_those_of_all_rows_and_not_of_the_selected_ones(results: Path, cli: Callable) -> None:
    rows = read_rows(results)
    assert select(rows, {"quantizer": "typo", "bits": "4"}) == []
    with pytest.raises(OptionError, match="did you mean 'bits'"):
        select(rows, {"quantizer": "typo", "bit": "4"})
    code, said = cli("results", "list", results, "-w", "quantizer=typo", "--sort", "bits")
    assert (code, said) == (0, f"No such cells in {results}\n")
    assert cli("results", "list", results, "-w", "quantizer=typo", "--sort", "bit")[0] == 2


def test_exported_numbers_are_those_of_the_records() -> None:
    rows = [{"bits": 4, "mcnemar_p": 3e-14, "accuracy": 1.0}, {"status": "damaged"}]
    first, second = json.loads(_encode(rows, ExportFormat.json))
    assert first == {**rows[0], "status": None}
    assert type(first["bits"]) is int
    assert second == {"bits": None, "mcnemar_p": None, "accuracy": None, "status": "damaged"}
    csv = _encode(rows, ExportFormat.csv).decode()
    assert csv.splitlines() == ["bits,mcnemar_p,accuracy,status", "4,3e-14,1.0,", ",,,damaged"]


def test_rows_are_ordered_by_value_and_those_without_one_come_last(results: Path) -> None:
    rows = read_rows(results)
    accuracies = [row.get("accuracy") for row in ordered(rows, "accuracy")]
    told = [accuracy for accuracy in accuracies if accuracy is not None]
    assert accuracies == sorted(told) + [None] * (len(rows) - len(told))
    assert len(told) == 2


def test_list_shows_every_cell(results: Path, cli: Callable) -> None:
    code, text = cli("results", "list", results)
    assert code == 0
    starts = [line.split()[0] for line in text.splitlines()]
    assert [starts.count(status) for status in ("status", "finished", "failed", "damaged")] == [1, 2, 1, 1]
    assert "this quantizer always fails" in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 100
    _, text = cli("results", "list", results, "--status", "finished", "--sort", "bits", "--json")
    assert [row["bits"] for row in json.loads(text)] == [1, 2]


def test_the_list_fits_the_page_and_says_what_it_leaves_out(capsys: pytest.CaptureFixture[str]) -> None:
    row = {"status": "finished", "board": "cifar10-sew8-v4", "quantizer": "uniform", "mode": "ptq", "key": "a" * 64}
    numbers = {metric.name: 0.1 for metric in columns(METRICS)}
    rows = [{**row, **numbers, "bits": bits, "options": f"clip=absmax {3 * bits * 'long '}"} for bits in range(1, 9)]
    _print(rows, False, "")
    table, said = capsys.readouterr()
    assert max(map(len, table.splitlines())) <= 100
    assert "In all rows: status finished, board cifar10-sew8-v4, mode ptq" in said
    head = table.splitlines()[0]
    left_out = said.partition("Not shown: ")[2].partition(";")[0].split(", ")
    assert {metric.heading for metric in columns(METRICS)} - set(left_out) <= {*map(str.strip, head.split("  "))}
    assert {"accuracy %", "firing EMD"} <= {*map(str.strip, head.split("  "))}
    assert "…" in table
    assert "In all rows of uniform: clip=absmax" in said
    assert "clip=absmax" not in table
    _print(rows, True, "")
    table, said = capsys.readouterr()
    assert all(metric.heading in table.splitlines()[0] for metric in columns(METRICS))
    assert 24 * "long " in table
    assert "Not shown" not in said


def test_show_prints_a_record_or_a_traceback(results: Path, cli: Callable) -> None:
    code, text = cli("results", "show", "faulty-1bit", results)
    assert code == 0
    assert json.loads(text)["cell"]["quantizer"]["bits"] == 1
    _, text = cli("results", "show", "faulty-4bit", results)
    assert "Traceback" in text
    with pytest.raises(RecordError, match=r"4 cells match 'faulty' \(faulty-1bit-ptq-seed0-.*, faulty-2bit-"):
        find_row(read_rows(results), "faulty")
    assert cli("results", "show", "faulty-3bit", results)[0] == 2


def test_the_folder_of_one_board_is_listed(results: Path) -> None:
    board = next(results.glob("*/faulty-1bit*")).parent
    assert read_rows(board) == [row for row in read_rows(results) if Path(row["path"]).parent == board]


def test_boards_are_listed_without_their_references(shipped_boards: Path, cli: Callable) -> None:
    entries = {str(file.parent) for file in shipped_boards.glob("*/entries/*/record.json")}
    rows = read_rows(shipped_boards)
    assert {row["path"] for row in rows if row["status"] == "finished"} == entries
    assert len(rows) == len(entries)
    board = shipped_boards / "digits-sew8-v1"
    assert read_rows(board) == read_rows(board / "entries") == [row for row in rows if row["board"] == board.name]
    code, text = cli("results", "show", "float-32bit", board)
    assert code == 0
    assert json.loads(text)["cell"]["quantizer"]["name"] == "float"


def test_a_folder_of_damaged_cells_is_listed(tmp_path: Path, cli: Callable) -> None:
    (tmp_path / "board" / "lqnet-2bit").mkdir(parents=True)
    code, text = cli("results", "list", tmp_path)
    assert code == 0
    assert "lqnet-2bit: record.json: [Errno 2] No such file or directory" in text


def test_a_folder_of_other_things_is_no_damaged_cell(results: Path, cli: Callable) -> None:
    (results / "docs" / "pictures").mkdir(parents=True)
    assert {row["board"] for row in read_rows(results)} == {"tiny-v1"}
    assert cli("results", "list", results / "docs") == (0, f"No cells in {results / 'docs'}\n")


def test_the_folder_of_a_cell_has_one_row(results: Path) -> None:
    (row,) = select(read_rows(results), {"status": "finished", "bits": "1"})
    assert read_rows(Path(row["path"])) == [row]


def test_show_of_a_folder_of_cells_asks_for_one(results: Path, cli: Callable) -> None:
    with pytest.raises(RecordError, match="holds 3 cells; name one of them"):
        show(str(results))
    folder = next(results.glob("*/faulty-1bit*"))
    shutil.copytree(folder, results.parent / "others" / "board" / folder.name)
    code, text = cli("results", "show", results.parent / "others")
    assert (code, text) == (0, (folder / "record.json").read_text("utf-8"))


def test_show_takes_the_path_that_a_run_told(results: Path, cli: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = next(results.glob("*/faulty-1bit*"))
    folder.with_name(f"{folder.name}.failed.json").write_text("{}")  # failed once, finished since
    for told in (f"{folder}", f"{folder}/", f"{folder}/record.json"):
        code, text = cli("results", "show", told)
        assert code == 0
        assert text == (folder / "record.json").read_text("utf-8")
    assert cli("results", "show", str(results / "nowhere" / "faulty-1bit"), results)[0] == 2
    monkeypatch.chdir(folder.parent)
    assert cli("results", "show", folder.name)[1] == text


def test_an_unknown_column_is_answered_with_the_columns_but_not_the_ends_of_intervals() -> None:
    with pytest.raises(OptionError, match=r"no column 'emd'; there are key, drift, and of metrics .* METRIC_low"):
        select([{"key": "a", "drift": 0.1, "drift_low": 0.0, "drift_high": 0.2}], {"emd": "0"})


def test_the_list_tells_membranes_and_chips_apart(capsys: pytest.CaptureFixture[str]) -> None:
    quantizer = {"name": "lqnet", "bits": 4, "options": {}, "distribution": "snnbench", "version": "0"}
    cell = {"protocol": "p", "protocol_version": 1, "quantizer": quantizer, "mode": "ptq", "seed": 0, "limit": None}
    rows = [
        _identity("a" * 64, {**cell, "fingerprint": "", "membrane": membrane, "chip": chip}, "out/p-v1/a")
        for membrane in (None, *({"name": "uniform", "bits": bits, "options": {}, "site": "s"} for bits in (4, 8)))
        for chip in (None, {"name": "loihi"})
    ]
    _print(rows, False, "")
    lines = capsys.readouterr().out.splitlines()
    assert len(set(lines)) == 1 + len(rows)
    assert [("uniform 8 " in line, "loihi" in line) for line in lines[1:]] == [
        (bits == 8, chip) for bits in (0, 4, 8) for chip in (False, True)
    ]


def test_an_export_is_written_into_a_pipe_and_does_not_replace_it(results: Path, cli: Callable, tmp_path: Path) -> None:
    pipe, link, file = tmp_path / "pipe", tmp_path / "link", tmp_path / "file"
    os.mkfifo(pipe)
    link.symlink_to(file)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE, text=True) as reader:
        assert cli("results", "export", pipe, results, "--format", "csv")[0] == 0
        assert reader.communicate(timeout=100)[0].startswith("status,board,")
    assert pipe.is_fifo()
    assert cli("results", "export", link, results, "--format", "csv")[0] == 0
    assert link.is_symlink()
    assert file.read_text("utf-8").startswith("status,board,")


def test_exports_agree(results: Path, cli: Callable, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    for suffix in ("csv", "json", "parquet"):
        assert cli("results", "export", tmp_path / f"a.{suffix}", results)[0] == 0
    csv = pd.read_csv(tmp_path / "a.csv")
    document = pd.read_json(io.StringIO((tmp_path / "a.json").read_text("utf-8")), precise_float=True)
    parquet = pd.read_parquet(tmp_path / "a.parquet")
    for name in ("accuracy", "firing_emd", "bits"):
        assert csv[name].equals(parquet[name].astype(csv[name].dtype))
        pd.testing.assert_series_equal(document[name], parquet[name], check_dtype=False, rtol=1e-9)
    assert cli("results", "export", tmp_path / "a.xyz", results)[0] == 2


def test_gc_removes_leftovers_and_nothing_that_lives(results: Path, tiny: Callable) -> None:
    (task,) = tiny(bits=7)
    dead, living = results / ".unfinished-aaaa-1", results / f".unfinished-{task.cell.key}-1"
    dead.mkdir()
    living.mkdir()
    before = sorted(path for path in results.glob("*/*"))
    claim = store.claim(results, task.cell)
    assert claim is not None
    assert dead in [leftover.path for leftover in collect(results, dry_run=True)]
    assert dead.exists()
    collect(results, dry_run=False)
    assert (dead.exists(), living.exists()) == (False, True)
    claim.release()
    collect(results, dry_run=False)
    assert not living.exists()
    assert sorted(path for path in results.glob("*/*") if path.parent.name[0] != ".") == [
        path for path in before if path.parent.name[0] != "."
    ]


def test_gc_says_before_and_after_the_same(results: Path, cli: Callable) -> None:
    (finished, other, *_) = sorted(path for path in results.glob("*/*/") if (path / "record.json").exists())
    lonely = results / ".replaced-aaaa" / finished.parent.name / finished.name
    beaten = results / ".replaced-bbbb" / other.parent.name / other.name
    lonely.parent.mkdir(parents=True)
    shutil.copytree(other, beaten)
    finished.rename(lonely)
    finished.with_name(f"{finished.name}.failed.json").write_text("{}")
    for name in (".unfinished-cccc-1", ".damaged-dddd", ".sweeps"):
        (results / name).mkdir(exist_ok=True)
    (results / ".sweeps" / "ended.json").write_text("{}")
    before, after = (cli("results", "gc", results, *more)[1].splitlines() for more in (["--dry-run"], []))
    assert [line.removeprefix("would ").replace("remove ", "removed ", 1) for line in before] == after
    assert all(line.startswith("would ") for line in before)
    assert f"put back {lonely.parents[1]} (nothing took its place)" in after
    assert f"removed {beaten.parents[1]} (measured again since)" in after
    assert any("failed once, finished since" in line for line in after)
    assert (finished / "record.json").exists()
    assert not lonely.parents[1].exists()


def test_a_listing_is_remembered_until_a_record_changes(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed = []
    decode = _RECORD.decode
    counting = SimpleNamespace(decode=lambda text: parsed.append(text) or decode(text))
    monkeypatch.setattr("snnbench.records.results._RECORD", counting)
    first = read_rows(results)
    assert len(parsed) == 3
    assert read_rows(results) == first
    assert len(parsed) == 4  # the damaged one
    record = next(results.glob("*/faulty-1bit*/record.json"))
    record.write_bytes(b"{}")
    assert sorted(row["status"] for row in read_rows(results)) == ["damaged", "damaged", "failed", "finished"]


def test_listing_does_not_import_torch() -> None:
    code = (
        "import sys, snnbench.records.results, snnbench.records.cleanup, snnbench.cli.results;"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=100).returncode == 0


def test_no_folder_is_an_error_not_an_empty_list(tmp_path: Path, cli: Callable) -> None:
    assert cli("results", "list", tmp_path / "nowhere")[0] == 2
    assert cli("sweep", "status", tmp_path / "nowhere")[0] == 2
