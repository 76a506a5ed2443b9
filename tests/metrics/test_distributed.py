"""Several processes give the value of one, bit for bit, over real torch.distributed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from snnbench.errors import FiringError
from snnbench.functional import FiringProfile
from snnbench.metrics import (
    DeadNeurons,
    Disagreement,
    FiringDrift,
    FiringEMD,
    NegativeFlips,
    OutputKL,
    ProfileEMD,
    SpikeMismatch,
    TemporalDrift,
)

SAMPLES = 17


def spikes(seed: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        "stem.sn": torch.rand(4, SAMPLES, 3, 4, generator=generator) < 0.3,
        "a": torch.rand(4, SAMPLES, 7, generator=generator) < 0.2,
    }


def outputs(seed: int) -> torch.Tensor:
    return torch.randn(SAMPLES, 5, generator=torch.Generator().manual_seed(seed))


def metrics() -> dict:
    return {
        "emd": FiringEMD(),
        "stored": FiringEMD(reference=FiringProfile.from_spikes(spikes(1)), reduction="max"),
        "drift": FiringDrift(units="channel"),
        "dead": DeadNeurons(threshold=0.25),
        "temporal": TemporalDrift(),
        "points": ProfileEMD(),
        "mismatch": SpikeMismatch(),
        "disagreement": Disagreement(),
        "negative_flips": NegativeFlips(),
        "kl": OutputKL(),
    }


def count(collection: dict, samples: list[int], reverse: bool = False) -> None:
    """Count some of the samples, a batch of up to five at a time, the layers in either order."""
    mine, theirs = spikes(0), spikes(1)
    names = list(reversed(mine)) if reverse else list(mine)
    for start in range(0, len(samples), 5):
        batch = samples[start : start + 5]
        a, b = ({name: tensors[name][:, batch] for name in names} for tensors in (mine, theirs))
        logits = outputs(0)[batch], (outputs(0) + 0.7 * outputs(1))[batch]
        labels = torch.arange(SAMPLES)[batch] % 5
        for name, metric in collection.items():
            if name == "stored":
                metric.update(a)
            elif name in {"disagreement", "kl"}:
                metric.update(*logits)
            elif name == "negative_flips":
                metric.update(*logits, labels)
            else:
                metric.update(a, b)


def plain(value):
    return {key: each.item() for key, each in value.items()} if isinstance(value, dict) else value.item()


def values(collection: dict) -> dict:
    return {name: plain(metric.compute()) for name, metric in collection.items()}


def start(rank: int, world: int, store: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=world)


def run_shares(rank: int, folder: str, shares: list[list[int]]) -> None:
    """Each process counts its share, computes, counts once more, and computes again."""
    start(rank, len(shares), f"{folder}/store")
    collection = metrics()
    count(collection, shares[rank], reverse=rank == 1)
    first = values(collection)
    for metric in collection.values():
        metric._computed = None
    count(collection, shares[rank])
    local = {name: metric._update_count for name, metric in collection.items()}
    Path(folder, f"{rank}.json").write_text(json.dumps([first, values(collection), local]), "utf-8")
    dist.destroy_process_group()


def run_different_networks(rank: int, folder: str) -> None:
    start(rank, 2, f"{folder}/store")
    metric = FiringEMD()
    layer = torch.ones(2, 3, 4 + rank)
    metric.update({"a": layer}, {"a": layer})
    try:
        metric.compute()
    except FiringError as error:
        Path(folder, f"{rank}.txt").write_text(str(error), "utf-8")
    dist.barrier()
    dist.destroy_process_group()


@pytest.mark.filterwarnings("ignore:The ``compute`` method of metric .* was called before:UserWarning")
def test_two_processes_give_the_value_of_one(tmp_path):
    even, odd = list(range(0, SAMPLES, 2)), list(range(1, SAMPLES, 2))
    mp.spawn(run_shares, (str(tmp_path), [even, odd]), nprocs=2)
    alone = metrics()
    count(alone, list(range(SAMPLES)))
    once = values(alone)
    twice = metrics()
    for _ in range(2):
        count(twice, list(range(SAMPLES)))
    for rank in range(2):
        first, second, _ = json.loads((tmp_path / f"{rank}.json").read_text("utf-8"))
        assert first == once
        assert second == values(twice)


def test_a_process_without_a_batch_takes_part(tmp_path):
    mp.spawn(run_shares, (str(tmp_path), [list(range(SAMPLES)), []]), nprocs=2)
    alone = metrics()
    count(alone, list(range(SAMPLES)))
    for rank in range(2):
        first, _, updates = json.loads((tmp_path / f"{rank}.json").read_text("utf-8"))
        assert first == values(alone)
        assert set(updates.values()) == ({8} if rank == 0 else {0})


def test_processes_with_different_networks_are_all_told(tmp_path):
    mp.spawn(run_different_networks, (str(tmp_path),), nprocs=2)
    for rank in range(2):
        assert "layer 'a'" in (tmp_path / f"{rank}.txt").read_text("utf-8")
