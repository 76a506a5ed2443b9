"""Sweeps that are killed, interrupted, and out of room: what was finished stays, and the same command ends the work."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from snnbench.bench.garbage import collect
from snnbench.bench.record import read_record
from snnbench.bench.sweep.status import read_statuses

Start = Callable[..., subprocess.Popen]
GRID = ("--quantizer", "lqnet,uniform", "--bits", "2,3,4,5,6,8", "--seeds", "0-4", "--protocol", "digits-sew8")
CELLS = 60


def records(out: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in out.glob("*/*/record.json")}


def await_records(out: Path, count: int, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 300
    while len(records(out)) < count and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)


def children(pid: int) -> list[int]:
    """The processes that `pid` started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_thirty_kills_lose_nothing(start: Start, tmp_path: Path) -> None:
    out, chance = tmp_path / "out", random.Random(8)
    kept: dict[Path, bytes] = {}
    for kill in range(30):
        process = start("sweep", *GRID, "--out", out, "--executor", "local:2" if kill % 2 else "in-process")
        await_records(out, len(kept) + 1, process)
        time.sleep(chance.random())
        process.kill()
        process.communicate(timeout=300)  # until the processes that it started have noticed, too
        found = records(out)
        assert kept.items() <= found.items()
        for path in found.keys() - kept.keys():
            read_record(path)
        kept = found
    assert all(status.state == "killed" for status in read_statuses(out)[:-1])
    process = start("sweep", *GRID, "--out", out, "--executor", "local:2")
    assert process.wait(1800) == 0
    assert kept.items() <= records(out).items()
    assert len(records(out)) == CELLS
    collect(out, dry_run=False)
    assert not [path for path in out.iterdir() if path.name.startswith((".unfinished", ".damaged"))]
    assert len(records(out)) == CELLS


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_workers_are_replaced(start: Start, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = start("sweep", *GRID, "--out", out, "--executor", "local:2", "--attempts", "9", "--json")
    for kill in range(3):
        await_records(out, 4 * kill + 2, process)
        workers = [worker for server in children(process.pid) for worker in children(server)]
        os.kill(workers[0], signal.SIGKILL)
    stdout, _ = process.communicate(timeout=1500)
    events = [json.loads(line) for line in stdout.splitlines()]
    assert process.returncode == 0
    assert len(records(out)) == CELLS
    assert [event["event"] for event in events].count("cell retried") >= 1
    assert events[-1]["event"] == "sweep ended"


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_sweep_says_so_and_goes_on(start: Start, tmp_path: Path, number: int, code: int) -> None:
    out = tmp_path / "out"
    process = start("sweep", *GRID, "--out", out, "--executor", "local:2")
    await_records(out, 3, process)
    (status,) = read_statuses(out)
    assert (status.state, status.alive) == ("running", True)
    os.killpg(process.pid, number)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == code
    assert "the same command goes on from here" in stderr
    assert "Traceback" not in stderr
    assert len(records(out)) >= 3
    assert read_statuses(out)[0].state == "interrupted"
    assert not list(out.glob(".unfinished-*"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, with room for a few cells."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False, timeout=100).returncode:
        pytest.skip("mounting a tmpfs needs root")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True, timeout=100)


@pytest.mark.slow
def test_a_full_disk_stops_the_sweep_and_keeps_what_is_there(start: Start, small_disk: Path) -> None:
    out = small_disk / "out"
    process = start("sweep", *GRID, "--out", out, "--executor", "in-process")
    _, stderr = process.communicate(timeout=300)
    assert process.returncode == 2
    assert "No space left on device" in stderr
    assert "Traceback" not in stderr
    kept = records(out)
    assert kept
    for path in kept:
        read_record(path)
    assert f"{len(kept)} of {CELLS} cells are in" in stderr


@pytest.mark.slow
def test_a_read_only_folder_is_refused_and_can_be_listed(start: Start, small_disk: Path) -> None:
    out = small_disk / "out"
    start("sweep", "-q", "uniform", "-b", "2", "-p", "tiny", "--out", out, "-x", "in-process").communicate(timeout=120)
    process = start("sweep", "-q", "float", "-p", "tiny", "--out", out, "-x", "in-process")
    process.communicate(timeout=120)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True, timeout=100)
    refused = start("sweep", "-q", "uniform", "-b", "3", "-p", "tiny", "--out", out, "-x", "in-process")
    _, stderr = refused.communicate(timeout=120)
    assert refused.returncode == 2
    assert "Read-only file system" in stderr
    listed = start("results", "list", out, "--json")
    stdout, _ = listed.communicate(timeout=60)
    assert {row["status"] for row in json.loads(stdout)} == {"finished"}
    shown = start("sweep", "status", out)
    assert "finished" in shown.communicate(timeout=60)[0]
