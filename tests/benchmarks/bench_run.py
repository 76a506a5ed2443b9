"""`snnbench.run` against a bare loop: the same images, network, quantizer and recording, and nothing else."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import torch
from safetensors.torch import load_file
from torch import Tensor

import snnbench
from snnbench.builtin.datasets import snnbench_datasets
from snnbench.builtin.lqnet import lqnet
from snnbench.functional import FiringProfile
from snnbench.nn import record_firing, record_operations, sew_resnet8
from snnbench.protocols import read_protocol
from snnbench.quant import quantize_weights
from snnbench.training.batches import Normalise

FOLDER = Path(snnbench.__file__).parent / "protocols" / "cifar10-sew8"
BITS, ROUNDS = 4, 2


class Found(NamedTuple):
    seconds: float
    predictions: Tensor
    profile: FiringProfile


def bare_loop(root: Path) -> Found:
    """What a script would do: load, quantize, and count over the whole test set."""
    start = perf_counter()
    document = read_protocol(FOLDER / "protocol.toml")
    images, _ = snnbench_datasets()["cifar10"].load(root, "test")
    normalise, size = Normalise(document.data.mean, document.data.std), document.evaluate.batch_size
    model = sew_resnet8(num_classes=10, **document.model.options)
    model.load_state_dict(load_file(FOLDER / document.baselines[0].file))
    model.to(memory_format=torch.channels_last)
    quantize_weights(model, lambda name, weight: lqnet(weight, bits=BITS))
    batches = (torch.from_numpy(images[first : first + size]) for first in range(0, len(images), size))
    with record_firing(model.eval()) as recorder, record_operations(model), torch.inference_mode():
        logits = [model(normalise(batch)) for batch in batches]
    return Found(perf_counter() - start, torch.cat(logits).argmax(1), recorder.profile())


def counts(evidence: dict[str, Tensor]) -> list[Tensor]:
    """Spikes of each layer's neurons over all images."""
    return [tensor.long() for name, tensor in sorted(evidence.items()) if name.endswith("/counts")]


def bench_run(benchmark, cifar_root, tmp_path):
    def run() -> Path:
        (finished,) = snnbench.run("lqnet", BITS, protocol="cifar10-sew8", data=cifar_root, out=tmp_path, force=True)
        return finished.directory

    directory = benchmark.pedantic(run, rounds=ROUNDS, warmup_rounds=1)  # the first one measures the reference, too
    bare = min((bare_loop(cifar_root) for _ in range(ROUNDS)), key=lambda found: found.seconds)
    evidence = load_file(directory / "evidence.safetensors")
    assert torch.equal(evidence["predictions"].long(), bare.predictions)
    expected = [layer.counts.sum(0) for layer in bare.profile.layers.values()]
    assert all(torch.equal(a, b) for a, b in zip(counts(evidence), expected, strict=True))
    benchmark.extra_info.update(
        work="snnbench run, lqnet 4 bits, CIFAR-10",
        peer="bare loop",
        ratio=benchmark.stats.stats.min / bare.seconds,
        target="<= 1.05",
        peer_seconds=bare.seconds,
    )
