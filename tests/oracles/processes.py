"""What the processes of the distributed tests do: a module of its own, so that a spawned process can import it."""

from __future__ import annotations

import copy
import json
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from snnbench.builtin.lqnet import lqnet
from snnbench.errors import FiringError
from snnbench.functional import FiringProfile
from snnbench.metrics import (
    DeadNeurons,
    Disagreement,
    FiringDrift,
    FiringEMD,
    NegativeFlips,
    OutputKL,
    PeakEvents,
    ProfileEMD,
    SpikeMismatch,
    StepAccuracy,
    TemporalDrift,
    VanRossumDistance,
)
from snnbench.nn import record_firing, record_operations, sew_resnet8
from snnbench.quant import full_precision, quantize_weights, quantizers

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
        "by step": StepAccuracy(),
        "van rossum": VanRossumDistance(),
        "peak": PeakEvents(limit=3),
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
            if name in {"stored", "peak"}:
                metric.update(a)
            elif name == "by step":
                metric.update(torch.stack([*logits]), labels)
            elif name in {"disagreement", "kl"}:
                metric.update(*logits)
            elif name == "negative_flips":
                metric.update(*logits, labels)
            else:
                metric.update(a, b)


def plain(value):
    return {key: each.item() for key, each in value.items()} if isinstance(value, dict) else value.tolist()


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


def run_parallel_network(rank: int, folder: str) -> None:
    """A quantized network in DistributedDataParallel beside the same network alone: one training step of a share."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2, timeout=PATIENCE)
    torch.manual_seed(0)
    network = sew_resnet8(width=4, num_classes=5, timesteps=3, channels=1)
    coverage = quantize_weights(network, lambda name, weight: lqnet(weight, bits=2))
    alone = copy.deepcopy(network)
    parallel = DistributedDataParallel(network)
    images = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(rank))
    seen = []
    for model in (parallel, alone):
        with record_firing(model) as firing, record_operations(model) as operations:
            loss = model.train()(images).square().sum()
        seen.append((firing.profile(), operations.operations()))
        loss.backward()
    found = {
        "coverage": sorted(coverage.quantized),
        "quantizers": sorted(quantizers(parallel)),
        "full precision": sorted(full_precision(parallel), reverse=True),
        "layers": list(seen[0][0].layers),
        "same firing": seen[0][0] == seen[1][0],
        "same operations": seen[0][1] == seen[1][1],
        "refits": [int(each.refits) for each in quantizers(parallel).values()],
    }
    torch.save([each.grad for each in network.parameters()], Path(folder, f"{rank}.pt"))
    Path(folder, f"{rank}.json").write_text(json.dumps(found), "utf-8")
    dist.destroy_process_group()
