"""Several processes give the value of one, bit for bit, over real torch.distributed."""

from __future__ import annotations

import json

import pytest
import torch.multiprocessing as mp
from oracles.processes import SAMPLES, count, metrics, run_process, values


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> list[dict]:
    """What each of two processes found."""
    folder = tmp_path_factory.mktemp("processes")
    # As daemons they die with this process; others it would wait for, even after a test that took too long.
    processes = mp.spawn(run_process, (str(folder),), nprocs=2, join=False, daemon=True)
    assert any(processes.join(timeout=60) for _ in range(2)), "a process hangs"
    return [json.loads((folder / f"{rank}.json").read_text("utf-8")) for rank in range(2)]


def one_process(times: int) -> dict:
    collection = metrics()
    for _ in range(times):
        count(collection, list(range(SAMPLES)))
    return values(collection)


@pytest.mark.parametrize("share", ["halves", "all and none"])
def test_two_processes_give_the_value_of_one_bit_for_bit(found, share):
    for process in found:
        first, second, _ = process[share]
        assert first == one_process(1)
        assert second == one_process(2)


def test_each_process_keeps_its_own_counts_after_a_value(found):
    assert [process["all and none"][2] for process in found] == [8, 0]


def test_all_processes_are_told_of_different_networks(found):
    for process in found:
        assert process["different networks"].startswith("layer 'a': ")
        assert "make a new one for another" in process["different networks"]
