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

from snnbench.records.cleanup import collect
from snnbench.records.record import read_record
from snnbench.sweeps.status import read_statuses

Start = Callable[..., subprocess.Popen]
GRID = ("--quantizer", "lqnet,uniform", "--bits", "2,3,4,5,6,8", "--seeds", "0-9", "--protocol", "digits-sew8")
CELLS = 120


def records(out: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in out.glob("[!.]*/*/record.json")}


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
        time.sleep(chance.random() / 2)
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


@pytest.mark.slow
def test_two_sweeps_at_once_compute_each_cell_once(start: Start, tmp_path: Path) -> None:
    out, bits = tmp_path / "out", ",".join(map(str, range(1, 21)))
    grid = ("-q", "faulty", "-o", "how=sleep", "-o", "seconds=1", "-b", bits, "-p", "tiny")
    both = [start("sweep", *grid, "--out", out, "-x", "local:1", "--json") for _ in range(2)]
    told = [[json.loads(line) for line in process.communicate(timeout=300)[0].splitlines()] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    finished = [[event["key"] for event in events if event["event"] == "cell finished"] for events in told]
    assert all(finished)
    assert len(finished[0] + finished[1]) == len({*finished[0], *finished[1]}) == len(records(out)) == 20
    assert [(events[-1]["done"], events[-1]["failed"]) for events in told] == [(20, 0), (20, 0)]


CLOCK = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, now);
    FILE *file = clock == CLOCK_REALTIME ? fopen(getenv("CLOCK_OFFSET"), "r") : NULL;
    long offset = 0;
    if (file && fscanf(file, "%ld", &offset) == 1) now->tv_sec += offset;
    if (file) fclose(file);
    return result;
}
"""


@pytest.fixture
def settable_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that says how many seconds the wall clock is off, for all processes that are started with it."""
    compiler, source, library = shutil.which("cc"), tmp_path / "clock.c", tmp_path / "clock.so"
    if compiler is None:
        pytest.skip("setting the clock needs a C compiler")
    source.write_text(CLOCK, "ascii")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True, timeout=100)
    offset = tmp_path / "offset"
    offset.write_text("0", "ascii")
    monkeypatch.setenv("LD_PRELOAD", str(library))
    monkeypatch.setenv("CLOCK_OFFSET", str(offset))
    return offset


@pytest.mark.slow
def test_a_clock_that_is_set_back_in_mid_sweep_changes_nothing(
    start: Start, tmp_path: Path, settable_clock: Path
) -> None:
    out = tmp_path / "out"
    grid = ("-q", "faulty", "-o", "how=sleep", "-o", "seconds=1", "-b", "1,2,3,4,5,6,7,8", "-p", "tiny")
    command = ("sweep", *grid, "--out", out, "-x", "local:1", "--json")
    process = start(*command)
    await_records(out, 3, process)
    settable_clock.write_text("-100000000", "ascii")
    _, stderr = process.communicate(timeout=300)
    assert process.returncode == 0, stderr
    years = {json.loads(content)["started"][:4] for content in records(out).values()}
    assert len(records(out)) == 8
    assert len(years) == 2
    kept = records(out)
    again = start(*command)
    events = [json.loads(line)["event"] for line in again.communicate(timeout=300)[0].splitlines()]
    assert events.count("cell reused") == 8
    assert records(out) == kept
    assert [status.state for status in read_statuses(out)] == ["finished", "finished"]


@pytest.fixture
def little_memory() -> Iterator[Path]:
    """A control group whose processes may hold 2 GiB together: the kernel kills one when they want more."""
    for root, limit in (("/sys/fs/cgroup", "memory.max"), ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")):
        group = Path(root, f"snnbench-{os.getpid()}")
        if (group.parent / "cgroup.procs").exists() and os.access(group.parent, os.W_OK):
            group.mkdir()
            if (group / limit).exists():
                (group / limit).write_text(str(2 << 30), "ascii")
                yield group
                remove_when_empty(group)
                return
            group.rmdir()
    pytest.skip("limiting memory needs root, and control groups for memory")


def remove_when_empty(group: Path) -> None:
    deadline = time.monotonic() + 60
    while True:  # the last processes of a sweep end a moment after it
        try:
            group.rmdir()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def kernel_kills(group: Path) -> int:
    told = [group / name for name in ("memory.events", "memory.oom_control")]
    words = next(path for path in told if path.exists()).read_text("ascii").split()
    return int(words[words.index("oom_kill") + 1])


@pytest.mark.slow
def test_a_cell_that_the_kernel_kills_for_its_memory_fails_alone(
    start: Start, tmp_path: Path, little_memory: Path
) -> None:
    out = tmp_path / "out"
    grid = ("-q", "faulty", "-o", "how=none,greedy", "-b", "1,2", "-p", "tiny")
    process = start("sweep", *grid, "--out", out, "-x", "local:2")
    (little_memory / "cgroup.procs").write_text(str(process.pid), "ascii")
    _, stderr = process.communicate(timeout=300)
    assert process.returncode == 1, stderr
    assert kernel_kills(little_memory) == 4
    failures = [json.loads(path.read_bytes()) for path in out.glob("*/*.failed.json")]
    assert [failure["attempts"] for failure in failures] == [2, 2]
    assert {failure["fault"]["message"] for failure in failures} == {
        "the worker process was killed by signal 9 (by the kernel if memory ran out)"
    }
    assert len(records(out)) == 2
    for path in records(out):
        read_record(path)
    assert "2 of 4 cells are in" in stderr
    assert "2 failed" in stderr


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
