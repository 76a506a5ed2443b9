"""A real Ray cluster of two nodes on this machine: the same records, also when a node is killed in mid-sweep."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from oracles.records import measured

from snnbench.errors import OptionError
from snnbench.records import store
from snnbench.sweeps.executors import make_executor
from snnbench.sweeps.executors.base import Resources

pytest.importorskip("ray")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore"),  # Ray and what it imports warn of themselves
]


@pytest.fixture
def cluster(tiny: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A head and a second node, one CPU each."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    cluster.add_node(num_cpus=1)
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    yield cluster
    cluster.shutdown()


def test_ray_gives_the_records_of_one_process(tiny: Callable, sweep: Callable, tmp_path: Path, cluster: Any) -> None:
    tasks = tiny(bits=[1, 2, 3, 4]) + tiny("raise") + tiny(mode="qat")
    here, there = tmp_path / "here", tmp_path / "there"
    sweep(tasks, here)
    progress, _ = sweep(tasks, there, "ray")
    assert (progress.finished, progress.failed) == (5, 1)
    assert measured(there) == measured(here)


def test_ray_is_reached_through_its_client_port(
    tiny: Callable, sweep: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ray.cluster_utils import Cluster

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    tasks, here, there = tiny(bits=[1, 2, 3]), tmp_path / "here", tmp_path / "there"
    sweep(tasks, here)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "ray_client_server_port": port})
    try:
        progress, _ = sweep(tasks, there, f"ray://127.0.0.1:{port}")
    finally:
        cluster.shutdown()
    assert (progress.finished, progress.failed) == (3, 0)
    assert measured(there) == measured(here)


def test_a_cell_may_take_a_part_of_a_cpu(tiny: Callable, sweep: Callable, tmp_path: Path, cluster: Any) -> None:
    progress, ear = sweep(tiny(bits=[1, 2, 3, 4, 5]), tmp_path / "out", "ray", cpus=0.5)
    assert progress.slots == 4
    assert (progress.finished, progress.failed) == (5, 0)
    assert max(counts["running"] for _, counts in ear.events) == 4


def test_a_share_that_no_node_has_is_refused(cluster: Any) -> None:
    with pytest.raises(OptionError, match="no node of the Ray cluster has 3 CPUs and 0 GPUs for a cell"):
        make_executor("ray", Resources(cpus=3))


def test_nodes_without_snnbench_are_refused(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ModuleNotFoundError("No module named 'snnbench'")

    monkeypatch.setattr("snnbench.sweeps.executors.ray_cluster._import", fail)
    with pytest.raises(OptionError, match="cannot run snnbench: ModuleNotFoundError: No module named 'snnbench'; inst"):
        make_executor("ray", Resources(cpus=1))


def test_ctrl_c_ends_a_sweep_on_ray_in_order(start: Callable, tmp_path: Path, cluster: Any) -> None:
    out, bits = tmp_path / "out", ",".join(map(str, range(1, 100)))
    grid = ("-q", "faulty", "-o", "how=sleep", "-o", "seconds=1", "-b", bits, "-p", "tiny")
    process = start("sweep", *grid, "-x", "ray", "--out", out)
    while not measured(out) and process.poll() is None:
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 130, stderr
    assert "stopped by Ctrl-C, the same command goes on from here" in stderr
    assert "Traceback" not in stderr
    assert 1 <= len(measured(out)) < 99


@pytest.mark.parametrize(("how", "kind"), [("sleep", "time"), ("deaf", "worker")])
def test_a_cell_that_takes_too_long_fails_alone(
    tiny: Callable, sweep: Callable, tmp_path: Path, cluster: Any, how: str, kind: str
) -> None:
    out, (late,) = tmp_path / "out", tiny(how, seconds=600.0)
    progress, _ = sweep([late, *tiny()], out, "ray", seconds=3.0, attempts=1)
    assert (progress.finished, progress.failed) == (1, 1)
    failure = store.find_failure(out, late.cell)
    assert failure is not None
    assert failure.fault.kind == kind


def children(pid: int) -> list[int]:
    """The processes that `pid` started, and theirs."""
    direct = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]
    return direct + [other for child in direct for other in children(child)]


def is_computing(pid: int) -> bool:
    """Whether a worker of Ray is in a task: Ray names its processes so."""
    return Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"ray::_perform")


def test_a_node_killed_in_mid_sweep_loses_no_cell(
    tiny: Callable, sweep: Callable, tmp_path: Path, cluster: Any
) -> None:
    out, tasks = tmp_path / "out", tiny("sleep", bits=list(range(1, 17)), seconds=2.0)
    node = next(iter(cluster.worker_nodes))
    raylet = node.all_processes["raylet"][0].process.pid

    def kill() -> None:
        while len(measured(out)) < 2 or not any(is_computing(pid) for pid in children(raylet)):
            time.sleep(0.05)
        for pid in [raylet, *children(raylet)]:
            os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    progress, ear = sweep(tasks, out, "ray", attempts=3)
    killer.join(1)
    assert not killer.is_alive()
    assert (progress.finished, progress.failed) == (16, 0)
    assert len(measured(out)) == 16
    assert "cell retried" in ear.names()
