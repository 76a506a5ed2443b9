"""A real Ray cluster of two nodes on this machine: the same records, also when a node is killed in mid-sweep."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from oracles.records import measured

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


def test_a_node_killed_in_mid_sweep_loses_no_cell(
    tiny: Callable, sweep: Callable, tmp_path: Path, cluster: Any
) -> None:
    out, tasks = tmp_path / "out", tiny("sleep", bits=list(range(1, 25)), seconds=2.0)
    node = next(node for node in cluster.worker_nodes)

    def kill() -> None:
        while len(measured(out)) < 8:
            time.sleep(0.1)
        cluster.remove_node(node, allow_graceful=False)

    killer = threading.Thread(target=kill)
    killer.start()
    progress, ear = sweep(tasks, out, "ray", attempts=3)
    killer.join()
    assert (progress.finished, progress.failed) == (24, 0)
    assert len(measured(out)) == 24
    assert "cell retried" in ear.names()
