"""Sweeps in one process and in workers: each cell once, failures alone, nothing lost."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from oracles.faulty import reference_evaluations
from oracles.records import measured

import snnbench
from snnbench.bench.bench import Bench
from snnbench.bench.quantized import make_quantized
from snnbench.bench.rebuilding import Quantized
from snnbench.errors import ProtocolError, RecordError
from snnbench.records import store
from snnbench.records.cell import Cell
from snnbench.records.failures import FAILURE_SUFFIX, Failure, Fault
from snnbench.reporting import Reporter
from snnbench.sweeps.dry_run import foresee
from snnbench.sweeps.grid import make_grid
from snnbench.sweeps.loop import Sweep
from snnbench.sweeps.plan import Benches, make_plan
from snnbench.sweeps.task import BenchSpec

Plan = Callable[..., list]


def records(out: Path) -> dict[str, dict]:
    return {path.parent.name: json.loads(path.read_bytes()) for path in out.glob("*/*/record.json")}


@pytest.mark.parametrize("executor", ["in-process", "local:2"])
def test_every_cell_gets_a_record(tiny: Plan, sweep: Callable, tmp_path: Path, executor: str) -> None:
    tasks = tiny(bits=[1, 2, 3])
    progress, ear = sweep(tasks, tmp_path / "out", executor)
    assert (progress.state, progress.finished, progress.failed) == ("finished", 3, 0)
    assert set(records(tmp_path / "out")) == {task.cell.folder for task in tasks}
    assert ear.names().count("cell finished") == 3
    again, ear = sweep(tasks, tmp_path / "out", executor)
    assert (again.reused, again.finished) == (3, 0)
    assert "cell started" not in ear.names()


@pytest.mark.parametrize("executor", ["in-process", "local:2"])
def test_the_reference_is_evaluated_once(
    tiny: Plan, sweep: Callable, tmp_path: Path, site: Path, executor: str
) -> None:
    sweep(tiny(bits=[1, 2, 3, 4]), tmp_path / "out", executor)
    assert reference_evaluations(site) == 1


@pytest.mark.parametrize(
    ("how", "kind", "words"),
    [("raise", "error", "this quantizer always fails"), ("hungry", "memory", "memory"), ("sleep", "time", "3 s")],
)
def test_a_cell_fails_alone(tiny: Plan, sweep: Callable, tmp_path: Path, how: str, kind: str, words: str) -> None:
    out = tmp_path / "out"
    bad, good = tiny(how, seconds=60.0), tiny(bits=[1, 2])
    progress, _ = sweep(bad + good, out, seconds=3.0 if how == "sleep" else None)
    assert (progress.finished, progress.failed, progress.state) == (2, 1, "finished")
    assert set(records(out)) == {task.cell.folder for task in good}
    failure = store.find_failure(out, bad[0].cell)
    assert failure is not None
    assert (failure.fault.kind, failure.key) == (kind, bad[0].cell.key)
    assert words in failure.fault.message
    assert "faulty_plugin.py" in failure.fault.traceback


def test_failures_are_kept_until_they_are_retried(
    tiny: Plan, sweep: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, tasks = tmp_path / "out", tiny("raise")
    sweep(tasks, out)
    again, ear = sweep(tasks, out)
    assert again.failed == 1
    assert "cell started" not in ear.names()
    retried, ear = sweep(tasks, out, retry_failed=True)
    assert retried.failed == 1
    assert ear.names().count("cell started") == 1
    monkeypatch.setattr("faulty_plugin.misbehave", lambda how, seconds: None)
    mended, _ = sweep(tasks, out, retry_failed=True)
    assert (mended.finished, mended.failed) == (1, 0)
    assert not list(out.glob(f"*/*{FAILURE_SUFFIX}"))


def test_a_cell_whose_worker_dies_is_tried_again(tiny: Plan, sweep: Callable, tmp_path: Path) -> None:
    out = tmp_path / "out"
    dying, once = tiny("die"), tiny("leap")
    progress, _ = sweep(dying + once + tiny(bits=1), out, "local:1")
    assert (progress.finished, progress.failed) == (2, 1)
    failure = store.find_failure(out, dying[0].cell)
    assert failure is not None
    assert failure.fault.message.startswith("the worker process was killed by signal 9")
    assert failure.attempts == 2
    assert store.find(out, once[0].cell) is not None


def test_a_deaf_cell_is_killed(tiny: Plan, sweep: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("snnbench.sweeps.executors.local.GRACE_SECONDS", 0.2)
    progress, _ = sweep(tiny("deaf", seconds=60.0) + tiny(), tmp_path / "out", "local:1", seconds=3.0)
    assert (progress.finished, progress.failed) == (1, 1)


def test_a_damaged_record_is_set_aside_and_measured_again(tiny: Plan, sweep: Callable, tmp_path: Path) -> None:
    out, tasks = tmp_path / "out", tiny(bits=[1, 2])
    sweep(tasks, out)
    path = store.cell_directory(out, tasks[0].cell) / "record.json"
    whole = json.loads(path.read_bytes())
    path.write_bytes(path.read_bytes()[:100])
    progress, ear = sweep(tasks, out)
    assert (progress.reused, progress.finished) == (1, 1)
    (damaged,) = [event for event, _ in ear.events if event.name == "cell damaged"]
    assert "set aside" in damaged.detail
    assert json.loads(path.read_bytes())["metrics"] == whole["metrics"]
    assert len(list(out.glob(".damaged-*/record.json"))) == 1


def test_a_cell_that_another_process_computes_is_waited_for(tiny: Plan, sweep: Callable, tmp_path: Path) -> None:
    out, tasks = tmp_path / "out", tiny(bits=[1, 2])
    claim = store.claim(out, tasks[0].cell)
    assert claim is not None
    timer = threading.Timer(1.0, claim.release)
    timer.start()
    progress, ear = sweep(tasks, out)
    assert progress.finished == 2
    assert ear.names().index("cell elsewhere") < ear.names().index("cell finished")
    finished = [event.cell.key for event, _ in ear.events if event.name == "cell finished"]
    assert finished[-1] == tasks[0].cell.key


def test_two_sweeps_at_once_compute_each_cell_once(tiny: Plan, sweep: Callable, tmp_path: Path) -> None:
    out, tasks = tmp_path / "out", tiny("sleep", bits=list(range(1, 9)), seconds=0.05)
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.append(sweep(tasks, out)[0].finished), daemon=True) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=100)
    assert sum(found) == len(tasks)
    assert all(found)


def test_a_clock_that_is_set_back_changes_nothing(
    tiny: Plan, sweep: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    sweep(tiny(bits=1), out)
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() - 1e8)
    monkeypatch.setattr(time, "time_ns", lambda: int((now() - 1e8) * 1e9))
    progress, _ = sweep(tiny(bits=[1, 2]), out)
    assert (progress.reused, progress.finished) == (1, 1)


def test_a_folder_that_cannot_be_written_stops_the_sweep(
    tiny: Plan, sweep: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, tasks = tmp_path / "out", tiny(bits=[1, 2, 3])
    keep, kept = store.keep, []

    def full(*arguments: object, **options: object) -> Path:
        if kept:
            raise RecordError("cannot write the record: No space left on device")
        kept.append(keep(*arguments, **options))
        return kept[0]

    monkeypatch.setattr(store, "keep", full)
    with pytest.raises(RecordError, match="No space left"):
        sweep(tasks, out)
    assert len(records(out)) == 1
    monkeypatch.undo()


def test_executors_give_the_same_records_bit_for_bit(sweep: Callable, tmp_path: Path, shared_cache: Path) -> None:
    grid = {"quantizer": ["lqnet", "uniform"], "bits": 3, "protocol": "digits-sew8"}
    tasks = make_plan([make_grid(grid, "grid")], Benches(None, "cpu"))
    here, there = tmp_path / "here", tmp_path / "there"
    sweep(tasks, here)
    sweep(tasks, there, "local:2")
    assert len(measured(here)) == 2
    assert measured(there) == measured(here)


def test_executors_give_the_same_fine_tuning_bit_for_bit(tiny: Plan, sweep: Callable, tmp_path: Path) -> None:
    tasks, here, there = tiny(mode="qat", seeds=[0, 1]), tmp_path / "here", tmp_path / "there"
    sweep(tasks, here)
    sweep(tasks, there, "local:2")
    assert len(measured(here)) == 2
    assert measured(there) == measured(here)


@pytest.mark.parametrize("end", [KeyboardInterrupt, ProtocolError])
def test_an_end_while_the_next_reference_is_evaluated_loses_no_outcome(
    tiny: Plan, sweep: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: type[BaseException]
) -> None:
    evaluate, calls = Sweep._evaluate_reference, []

    def evaluate_or_end(self: Sweep, spec: BenchSpec) -> None:
        calls.append(spec)
        if len(calls) == 2:
            raise end
        evaluate(self, spec)

    monkeypatch.setattr(Sweep, "_evaluate_reference", evaluate_or_end)
    first, second = tiny(bits=[1, 2])
    with pytest.raises(end):
        sweep([first, second], tmp_path / "out")
    assert set(records(tmp_path / "out")) == {first.cell.folder}


@pytest.mark.parametrize("mode", ["ptq", "qat"])
def test_of_records_of_other_engines_those_of_integers_are_measured_again(
    tiny: Plan, sweep: Callable, tmp_path: Path, mode: str
) -> None:
    out, tasks = tmp_path / "out", tiny(mode=mode)
    sweep(tasks, out)
    (path,) = out.glob("*/*/record.json")
    engine = json.loads(path.read_bytes())["environment"]["engine"]
    other = "eager" if engine == "compiled" else "compiled"
    for stated, state, reused in ((other, "done", 1), ("integer", "to do", 0)):
        text = path.read_text("utf-8")
        now = json.loads(text)["environment"]["engine"]
        path.write_text(text.replace(f'"engine": "{now}"', f'"engine": "{stated}"'), "utf-8")
        assert list(foresee(tasks, out, 1).cells.values()) == [state]
        assert sweep(tasks, out)[0].reused == reused
    assert json.loads(path.read_bytes())["environment"]["engine"] == engine


def test_a_failure_that_another_sweep_notes_meanwhile_is_not_retried(
    tiny: Plan, sweep: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, tasks = tmp_path / "out", tiny(bits=[1, 2, 3])
    keep, last = store.keep, tasks[-1].cell

    def keep_and_fail(*arguments: object, **options: object) -> Path:
        fault = Fault("error", "failed elsewhere")
        store.keep_failure(out, last, Failure.now(last.key, last.model_dump(mode="json"), fault, 1))
        return keep(*arguments, **options)

    monkeypatch.setattr(store, "keep", keep_and_fail)
    progress, ear = sweep(tasks, out, retry_failed=True)
    assert (progress.finished, progress.failed) == (2, 1)
    assert ear.names().count("cell started") == 2


def test_full_precision_is_its_own_control(tiny: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny()
    tuned: list[int] = []

    def counted(bench: Bench, cell: Cell, reporter: Reporter) -> Quantized:
        tuned.append(cell.seed)
        return make_quantized(bench, cell, reporter)

    monkeypatch.setattr("snnbench.bench.control.make_quantized", counted)
    (own,) = snnbench.run("float", mode="qat", protocol="tiny", out=tmp_path / "out")
    assert own.record.control.accuracy == own.record.metrics["accuracy"]
    assert own.record.control.firing_emd == own.record.metrics["firing_emd"]
    (other,) = snnbench.run("faulty", mode="qat", protocol="tiny", out=tmp_path / "out")
    assert other.record.control.accuracy == own.record.control.accuracy
    assert tuned == [1], "only the control of another seed is fine-tuned, and once for both"
