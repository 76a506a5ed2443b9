"""What the processes of the distributed tests do: a module of its own, so that a spawned process can import it."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist

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
PATIENCE = timedelta(seconds=60)


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


def shares(rank: int) -> dict[str, list[int]]:
    """Which samples a process counts: every other one, or all and none."""
    return {"halves": list(range(rank, SAMPLES, 2)), "all and none": [] if rank else list(range(SAMPLES))}


def count_shares(rank: int) -> dict[str, list]:
    """Values after counting a share, after counting it again, and each process's own number of updates."""
    found = {}
    for name, samples in shares(rank).items():
        collection = metrics()
        count(collection, samples, reverse=rank == 1)
        first = values(collection)
        for metric in collection.values():
            metric._computed = None
        count(collection, samples)
        found[name] = [first, values(collection), collection["emd"].update_count]
    return found


def compare_different_networks(rank: int) -> str:
    metric, layer = FiringEMD(), torch.ones(2, 3, 4 + rank)
    metric.update({"a": layer}, {"a": layer})
    try:
        return str(metric.compute())
    except FiringError as error:
        return str(error)


def run_process(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2, timeout=PATIENCE)
    found = count_shares(rank) | {"different networks": compare_different_networks(rank)}
    Path(folder, f"{rank}.json").write_text(json.dumps(found), "utf-8")
    dist.destroy_process_group()
