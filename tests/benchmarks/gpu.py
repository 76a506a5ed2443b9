"""On a GPU: spikes against the CPU's, a fine-tuned cell, and seconds against SpikingJelly's own kernels.

    PYTHONPATH=tests python tests/benchmarks/gpu.py            # about five minutes on a GPU
    PYTHONPATH=tests python tests/benchmarks/gpu.py --device cpu --width 4 --batch 4   # whether it runs at all

It prints one JSON object, and exits with 1 where spikes or accuracies differ by more than rounding explains.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from oracles.sew_resnet import OracleSEWResNet, functional
from torch import Tensor, nn

import snnbench
from snnbench.functional import FiringProfile
from snnbench.nn import record_firing, sew_resnet8

TIMESTEPS, WARM_UP, SECONDS = 4, 3, 10.0
MOST_DIFFERENT = 1e-3
"""Of all spikes: a current that rounds to the other side of the threshold moves the layers after it."""
MOST_ACCURACY = 0.02
"""Between fine-tunings on two devices, of 360 images: some seven images, as between two seeds."""


def main() -> int:
    """Measure, print, and say whether devices agree."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--batch", type=int, default=128)
    given = parser.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    report: dict[str, Any] = {"torch": torch.__version__, **vars(given)}
    if given.device != "cpu":
        report["name"] = torch.cuda.get_device_name(given.device)
    report["spikingjelly"] = functional.neuron_implementation("lif", torch.device(given.device))
    ours, peer, images = pair(given.width, given.batch)
    report["different_spikes"] = different(ours, peer, images, given.device)
    report["seconds"] = seconds_of(ours.to(given.device), peer.to(given.device), images.to(given.device))
    report["fine_tuned"] = fine_tuned(given.device)
    sys.stdout.write(json.dumps(report, indent=1) + "\n")
    apart = max(report["fine_tuned"].values()) - min(report["fine_tuned"].values())
    return int(max(report["different_spikes"].values()) > MOST_DIFFERENT or apart > MOST_ACCURACY)


def pair(width: int, batch: int) -> tuple[nn.Module, nn.Module, Tensor]:
    """Our network and SpikingJelly's with the same weights and statistics, and a batch of images."""
    torch.manual_seed(0)
    ours = sew_resnet8(width, bn_scale=2.0).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = torch.randn(batch, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        for _ in range(5):
            ours(images[:32])
    peer = OracleSEWResNet([1, 1, 1], width, TIMESTEPS, "ADD", "lif", "hard")
    peer.load_state_dict(ours.state_dict())
    return ours.eval(), peer.to(memory_format=torch.channels_last).eval(), images  # type: ignore[call-overload]


def profile(model: nn.Module, images: Tensor) -> FiringProfile:
    """What `model` fires on `images`."""
    functional.reset_net(model)
    with torch.inference_mode(), record_firing(model) as recorder:
        model(images)
    return recorder.profile().to("cpu")


def different(ours: nn.Module, peer: nn.Module, images: Tensor, device: str) -> dict[str, float]:
    """Share of counts that differ from our network's on the CPU: of our network on `device`, and of SpikingJelly's."""
    expected, some = profile(ours, images[:32]), images[:32].to(device)
    total = sum(int(layer.counts.sum()) for layer in expected.layers.values())
    found = {"snnbench": profile(ours.to(device), some), "SpikingJelly": profile(peer.to(device), some)}
    return {
        name: sum(int((each.layers[key].counts - layer.counts).abs().sum()) for key, layer in expected.layers.items())
        / total
        for name, each in found.items()
    }


def seconds_of(ours: nn.Module, peer: nn.Module, images: Tensor) -> dict[str, dict[str, float]]:
    """Median seconds of one batch, by work and library."""
    works: dict[str, Callable[[nn.Module], object]] = {
        "evaluation": lambda model: evaluate(model, images),
        "evaluation with recording": lambda model: profile(model, images),
        "training step, float32": lambda model: step(model, images, torch.float32),
        "training step, bfloat16": lambda model: step(model, images, torch.bfloat16),
    }
    networks = libraries(ours, peer).items()
    return {
        work: {name: median_seconds(partial(run, model), images.device) for name, model in networks}
        for work, run in works.items()
    }


def libraries(ours: nn.Module, peer: nn.Module) -> dict[str, nn.Module]:
    """The two networks by the name of who made them."""
    return {"snnbench": ours, "SpikingJelly": peer}


def evaluate(model: nn.Module, images: Tensor) -> None:
    """One forward pass."""
    functional.reset_net(model.eval())
    with torch.inference_mode():
        model(images)


def step(model: nn.Module, images: Tensor, dtype: torch.dtype) -> None:
    """Forward and backward pass of a training step."""
    functional.reset_net(model.train())
    labels = torch.arange(len(images), device=images.device) % 10
    model.zero_grad(set_to_none=True)
    with torch.autocast(images.device.type, dtype, enabled=dtype != torch.float32):
        logits = model(images)
    F.cross_entropy(logits.float(), labels).backward()


def median_seconds(work: Callable[[], object], device: torch.device) -> float:
    """Of as many runs as fit into `SECONDS`, after a warm-up; each ends when the device is done."""
    taken: list[float] = []
    until = time.perf_counter() + SECONDS
    while len(taken) < WARM_UP + 3 or time.perf_counter() < until:
        started = time.perf_counter()
        work()
        if device.type != "cpu":
            torch.cuda.synchronize(device)
        taken.append(time.perf_counter() - started)
    return statistics.median(taken[WARM_UP:])


def fine_tuned(device: str) -> dict[str, float]:
    """Accuracies of a fine-tuned cell of digits-sew8 on the CPU and on `device`."""
    found = {}
    for where in dict.fromkeys(("cpu", device)):
        with tempfile.TemporaryDirectory() as folder:
            options: dict[str, Any] = {"protocol": "digits-sew8", "mode": "qat", "out": Path(folder), "device": where}
            (cell,) = snnbench.run("uniform", 4, engine="eager", **options)
            found[where] = cell.record.value("accuracy") or 0.0
    return found


if __name__ == "__main__":
    sys.exit(main())
