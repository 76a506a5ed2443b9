"""What a sweep costs beyond its cells, against the bare loop over the same cells.

The sweep is the command as a user gives it, from the start of Python to its end. Memory is the sum over its processes,
shared pages divided among them.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import pytest
import torch
from oracles.faulty import install_faulty, reference_evaluations
from oracles.records import measured

from snnbench.bench.run import measure
from snnbench.plugins import catalogue
from snnbench.reporting import Silent
from snnbench.sweeps.executors.work import held_bench
from snnbench.sweeps.grid import make_grid
from snnbench.sweeps.plan import Benches, make_plan
from snnbench.sweeps.task import Task

CELLS = int(os.environ.get("SNNBENCH_BENCH_CELLS", "1000"))
REAL_CELLS = int(os.environ.get("SNNBENCH_BENCH_REAL_CELLS", "120"))
LIMIT = 0.050
"""Seconds a cell may cost beyond the work."""

Plan = Callable[[int], list[Task]]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The plugin with the trivial cells, installed for this process and those that it starts, with an empty cache."""
    folder = install_faulty(tmp_path_factory.mktemp("site"))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        patch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
        patch.setenv("SNNBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        catalogue.cache_clear()
        yield folder
    catalogue.cache_clear()


@dataclass(frozen=True)
class Bare:
    """The cells in a loop in this process, with the bench held: seconds, and the metrics of each."""

    seconds: float
    metrics: dict[str, object]


@pytest.fixture(scope="module")
def bare(site: Path) -> Bare:
    grid = {"quantizer": "faulty", "protocol": "tiny", "bits": list(range(1, CELLS + 1))}
    tasks = make_plan([make_grid(grid, "grid")], Benches(None, "cpu"))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    bench = held_bench(tasks[0].bench)
    measure(bench, tasks[0].cell, Silent())
    start = perf_counter()
    found = {task.cell.folder: measure(bench, task.cell, Silent())[0] for task in tasks}
    seconds = perf_counter() - start
    torch.set_num_threads(threads)
    return Bare(seconds, {name: record.model_dump(mode="json")["metrics"] for name, record in found.items()})


def sweep(*arguments: str | Path) -> list[dict]:
    """Run the command, and return its events."""
    command = [sys.executable, "-m", "snnbench", "sweep", *map(str, arguments), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=3000)
    return [json.loads(line) for line in done.stdout.splitlines()]


@dataclass
class Memory:
    """The most that the processes started from this one held at a time, looked at twice a second; in MiB."""

    most: float = 0.0
    _over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Memory:
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join(10)

    def _watch(self) -> None:
        while not self._over.wait(0.5):
            self.most = max(self.most, sum(map(memory, descendants(os.getpid()))))


def descendants(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        direct = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]
        return direct + [other for child in direct for other in descendants(child)]
    return []


def memory(pid: int) -> float:
    """Proportional share of a process, in MiB."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0


@pytest.fixture
def one_cpu_cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A Ray cluster of one CPU, so that cells come one after the other as in the bare loop."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    yield
    cluster.shutdown()


@pytest.mark.filterwarnings("ignore")  # Ray and what it imports warn of themselves
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("executor", ["in-process", "local:1", "ray"])
def bench_overhead_of_trivial_cells(
    benchmark, bare: Bare, site: Path, tmp_path: Path, executor: str, request: pytest.FixtureRequest
):
    if executor == "ray":
        request.getfixturevalue("one_cpu_cluster")
    (site / "references").unlink(missing_ok=True)
    bits = ",".join(map(str, range(1, CELLS + 1)))
    grid = ("-q", "faulty", "-p", "tiny", "-b", bits, "--cpus", "1")
    with Memory() as held:
        benchmark.pedantic(sweep, (*grid, "-x", executor, "--out", tmp_path), rounds=1)
    overhead = (benchmark.stats.stats.min - bare.seconds) / CELLS
    assert {name: record["metrics"] for name, record in measured(tmp_path).items()} == bare.metrics
    benchmark.extra_info.update(
        work=f"overhead of {CELLS} cells, {executor}, {held.most:.0f} MiB",
        peer=f"{1000 * LIMIT:.0f} ms a cell beyond the bare loop ({1000 * bare.seconds / CELLS:.0f} ms)",
        ratio=overhead / LIMIT,
        target="<= 1",
        mebibytes=held.most,
        milliseconds_a_cell=1000 * overhead,
    )


@pytest.mark.timeout(600)
def bench_reference_is_evaluated_once(benchmark, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SNNBENCH_CACHE", str(tmp_path / "cache"))
    (site / "references").unlink(missing_ok=True)
    command = ("-q", "faulty", "-p", "tiny", "-b", "1,2,3,4,5,6,7,8", "-x", "local:2", "--out", tmp_path / "out")
    benchmark.pedantic(sweep, command, rounds=1)
    benchmark.extra_info.update(
        work="evaluations of the reference in a sweep",
        peer="one a protocol, for 8 cells on 2 workers",
        ratio=reference_evaluations(site),
        target="<= 1",
    )


def seconds_between(events: list[dict]) -> float:
    """Seconds of a sweep without the start of Python."""
    from datetime import datetime

    first, last = (datetime.fromisoformat(events[i]["at"]) for i in (0, -1))
    return (last - first).total_seconds()


@pytest.mark.timeout(3600)
def bench_two_workers_against_one(benchmark, tmp_path: Path):
    """Real cells: digits, weights of 2 to 8 bits; one thread a worker."""
    seeds = f"0-{REAL_CELLS // 12 - 1}"
    grid = ("-q", "lqnet,uniform", "-b", "2,3,4,5,6,8", "-p", "digits-sew8", "--seeds", seeds, "--cpus", "1")
    sweep("-q", "uniform", "-b", "2", "-p", "digits-sew8", "--seeds", seeds, "--out", tmp_path / "references")
    one = seconds_between(sweep(*grid, "-x", "local:1", "--out", tmp_path / "one"))
    events = benchmark.pedantic(sweep, (*grid, "-x", "local:2", "--out", tmp_path / "two"), rounds=1)
    assert measured(tmp_path / "one") == measured(tmp_path / "two")
    limit = speed_up_of_bare_loops()
    benchmark.extra_info.update(
        work=f"throughput of local:2, {REAL_CELLS} digits cells",
        peer=f"local:1 (two processes without a sweep: {limit:.2f})",
        ratio=one / seconds_between(events),
        target=">= 1.8",
        limit=limit,
    )


BARE = """
import sys, time, torch
from snnbench.sweeps.executors.work import held_bench
from snnbench.reporting import Silent
from snnbench.bench.run import measure
from snnbench.sweeps.grid import make_grid
from snnbench.sweeps.plan import Benches, make_plan
torch.set_num_threads(1)
grid = {"quantizer": ["lqnet", "uniform"], "protocol": "digits-sew8", "bits": [2, 4, 8]}
tasks = make_plan([make_grid(grid, "grid")], Benches(None, "cpu"))
bench = held_bench(tasks[0].bench)
measure(bench, tasks[0].cell, Silent())
print("ready", flush=True)
sys.stdin.readline()
start = time.perf_counter()
for task in 2 * tasks:
    measure(bench, task.cell, Silent())
print(time.perf_counter() - start, flush=True)
"""


def speed_up_of_bare_loops() -> float:
    """What this machine gives two independent processes over one: 2 if nothing is shared between its cores."""
    return 2 * bare_seconds(1) / bare_seconds(2)


def bare_seconds(processes: int) -> float:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", BARE]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(processes)
    ]
    assert [process.stdout.readline() for process in started] == ["ready\n"] * processes
    for process in started:
        process.stdin.write("\n")
        process.stdin.flush()
    return max(float(process.communicate(timeout=600)[0]) for process in started)
