"""The results folder: a finished cell is there in full or not at all, and only one process may compute it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import snnbench
from snnbench import files
from snnbench.bench import bench as bench_module
from snnbench.errors import RecordError
from snnbench.locks import try_lock
from snnbench.records import store
from snnbench.records.cleanup import collect
from snnbench.records.failures import Failure, Fault
from snnbench.records.record import Record, read_record

HOLD = """
import sys, time
from pathlib import Path
from snnbench.locks import try_lock
lock = try_lock(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory, session_cache: Path) -> Record:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SNNBENCH_CACHE", str(session_cache))
        folder = tmp_path_factory.mktemp("once")
        (finished,) = snnbench.run("float", protocol="digits-sew8", limit=40, out=folder)
    return finished.record


def test_what_is_kept_is_found(record: Record, out: Path) -> None:
    assert store.find(out, record.cell) is None
    folder = store.keep(out, record, {"evidence.safetensors": b"x"})
    assert store.find(out, record.cell) == record
    assert sorted(path.name for path in folder.iterdir()) == ["evidence.safetensors", "record.json"]
    assert [path.name for path in out.iterdir()] == [record.cell.board]


def test_the_last_record_is_kept(record: Record, out: Path) -> None:
    later = record.model_copy(update={"seconds": 99.0})
    assert store.keep(out, record, {}) == store.keep(out, later, {})
    assert store.find(out, record.cell) == later


@pytest.mark.parametrize("measured", ["eager", "compiled", "integer"])
@pytest.mark.parametrize("wanted", ["eager", "compiled", "integer"])
def test_integers_stand_for_themselves_alone(record: Record, out: Path, measured: str, wanted: str) -> None:
    assert store.finished(out, record.cell, wanted) is None
    environment = record.environment.model_copy(update={"engine": measured})
    store.keep(out, record.model_copy(update={"environment": environment}), {})
    found = store.finished(out, record.cell, wanted)
    assert (found is not None) == ((measured == "integer") == (wanted == "integer"))


class Killed(BaseException):
    """The process ends here: nothing is tidied up."""


@pytest.mark.parametrize("moment", range(4))
def test_a_kill_while_a_cell_is_replaced_loses_nothing(
    record: Record, out: Path, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    later = record.model_copy(update={"seconds": 99.0})
    store.keep(out, record, {})
    rename, rmtree, calls = Path.rename, shutil.rmtree, []

    def rename_or_die(self: Path, target: Path) -> Path:
        calls.append(self)
        if len(calls) > moment:
            raise Killed
        return rename(self, target)

    def remove_or_die(path: Path, **options: bool) -> None:
        if len(calls) > moment or len(calls) == 3:
            raise Killed
        rmtree(path, **options)

    monkeypatch.setattr(Path, "rename", rename_or_die)
    monkeypatch.setattr(store.shutil, "rmtree", remove_or_die)
    with pytest.raises(Killed):
        store.keep(out, later, {})
    monkeypatch.undo()
    assert len(calls) == min(moment + 1, 3)
    collect(out, dry_run=False)
    assert store.find(out, record.cell) == (later if moment == 3 else record)
    store.keep(out, later, {})
    assert store.find(out, record.cell) == later
    assert [path.name for path in out.iterdir() if path.name != ".locks"] == [record.cell.board]


def test_a_cell_is_found_while_it_is_replaced(record: Record, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    later = record.model_copy(update={"seconds": 99.0})
    store.keep(out, record, {})
    make_room, found = store._make_room, []

    def look(*arguments: object) -> None:
        make_room(*arguments)
        if len(found) < 2:
            found.append(store.find(out, record.cell))

    monkeypatch.setattr(store, "_make_room", look)
    store.keep(out, later, {})
    assert found == [record, record]
    assert store.find(out, record.cell) == later


def test_a_directory_without_its_record_is_no_finished_cell(record: Record, out: Path) -> None:
    folder = store.keep(out, record, {"evidence.safetensors": b"x"})
    (folder / "record.json").unlink()
    assert store.find(out, record.cell) is None
    store.keep(out, record, {})
    assert store.find(out, record.cell) == record


def test_the_log_of_a_diverged_training_can_be_read_back(record: Record, out: Path) -> None:
    rows = ({"epoch": 1, "loss": float("nan")},)
    diverged = Record.model_validate({**record.model_dump(), "training_log": rows})
    assert read_record(store.keep(out, diverged, {})).training_log == ({"epoch": 1, "loss": None},)


def test_a_record_with_a_value_that_is_no_number_is_refused(record: Record, out: Path) -> None:
    folder = store.keep(out, record, {})
    text = (folder / "record.json").read_text()
    altered = text.replace(f'"seconds": {record.seconds}', '"seconds": NaN')
    assert altered != text
    (folder / "record.json").write_text(altered)
    with pytest.raises(RecordError, match="seconds"):
        store.find(out, record.cell)


def test_references_are_of_one_measurement_and_one_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = bench_module.open_bench("digits-sew8")
    keys = {bench._reference_key(bench.network.sha256)}
    monkeypatch.setattr(bench_module, "MEASUREMENT", bench_module.MEASUREMENT + 1)
    keys.add(bench._reference_key(bench.network.sha256))
    monkeypatch.setattr(bench_module, "processor", lambda: "another")
    keys.add(bench._reference_key(bench.network.sha256))
    assert len(keys) == 3


def test_a_record_that_cannot_be_written_leaves_nothing(
    record: Record, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(RecordError, match="No space left on device"):
        store.keep(out, record, {})
    monkeypatch.undo()
    assert not [path for path in out.rglob("*") if path.is_file() or path.name.startswith(".")]


def test_a_failure_is_not_a_record_and_goes_when_there_is_one(record: Record, out: Path) -> None:
    cell = record.cell
    failure = Failure.now(cell.key, cell.model_dump(mode="json"), Fault("error", "no", "Traceback"), 1)
    note = store.keep_failure(out, cell, failure)
    assert store.find_failure(out, cell) == failure
    assert store.find(out, cell) is None
    store.keep(out, record, {})
    assert store.find_failure(out, cell) is None
    assert not note.exists()


def test_a_damaged_record_is_told_and_can_be_set_aside(record: Record, out: Path) -> None:
    path = store.keep(out, record, {}) / "record.json"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(RecordError, match="--force"):
        store.find(out, record.cell)
    aside = store.set_aside(out, record.cell)
    assert (aside / "record.json").exists()
    assert store.find(out, record.cell) is None


def test_a_claim_is_exclusive_and_ends_with_its_process(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert try_lock(path) is None
        holder.kill()
    lock = try_lock(path)
    assert lock is not None
    assert try_lock(path) is None
    lock.release()
    again = try_lock(path)
    assert again is not None
    again.release()


@pytest.mark.parametrize("log", [None, 1, [1], [{"loss": "x"}], [{"loss": 10**400}]])
def test_a_record_with_a_malformed_training_log_is_damaged(record: Record, out: Path, log: object) -> None:
    file = store.keep(out, record, {}) / "record.json"
    file.write_text(json.dumps(json.loads(file.read_bytes()) | {"training_log": log}), "utf-8")
    with pytest.raises(RecordError, match=r"is not valid \(training_log: .*not a list of rows of numbers"):
        read_record(file)


def test_a_dry_run_puts_no_replaced_cell_back(record: Record, out: Path) -> None:
    folder = store.keep(out, record, {})
    store._make_room(out, record.cell)
    assert next(leftover.path.name for leftover in collect(out, dry_run=True)) == f".replaced-{record.key}"
    assert not folder.exists()
    collect(out, dry_run=False)
    assert read_record(folder) == record
