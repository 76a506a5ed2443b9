"""What a metric's update costs, as a part of the forward passes that it watches: CPU time of all threads."""

from __future__ import annotations

import time
import timeit
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from snnbench.functional import FiringProfile, LayerFiring, Paired, count_by_shard
from snnbench.metrics import (
    Disagreement,
    FiringDrift,
    FiringEMD,
    FiringRate,
    Flips,
    NegativeFlips,
    OutputKL,
    ProfileEMD,
    SpikeMismatch,
    TemporalDrift,
)
from snnbench.metrics.base import LayerCounts
from snnbench.nn import sew_resnet8
from snnbench.nn.recording import spiking_layers

BATCH = 100

pytestmark = pytest.mark.benchmark(timer=time.process_time)
seconds = partial(timeit.repeat, number=1, repeat=5, timer=time.process_time)


class Watched(NamedTuple):
    """Two networks on one batch: spikes of every layer, outputs, and the seconds of one forward pass."""

    spikes: tuple[dict[str, Tensor], dict[str, Tensor]]
    logits: tuple[Tensor, Tensor]
    labels: Tensor
    forward: float
    reading: float  # seconds to read the spikes of one network once, by summing them
    threads: int


@pytest.fixture(scope="module", params=sorted({1, torch.get_num_threads()}), ids="{} threads".format)
def watched(request: pytest.FixtureRequest) -> Iterator[Watched]:
    """SEW-ResNet-8, w = 16, T = 4, eager, 100 images of 32 x 32."""
    threads = torch.get_num_threads()
    torch.set_num_threads(request.param)
    images = torch.rand(BATCH, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    models = [network(seed) for seed in (0, 1)]
    with torch.inference_mode():
        spikes, logits = zip(*(run(model, images) for model in models), strict=True)
        forward = min(seconds(lambda: models[0](images)))
        reading = min(seconds(lambda: [each.sum() for each in spikes[0].values()]))
    yield Watched(spikes, logits, torch.arange(BATCH) % 10, forward, reading, request.param)
    torch.set_num_threads(threads)


def network(seed: int) -> torch.nn.Module:
    torch.manual_seed(seed)
    model = sew_resnet8(width=16).eval()
    for norm in model.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            norm.bias.data.fill_(0.5)  # else hardly a neuron of an untrained network fires
    return model


def run(model: torch.nn.Module, images: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    spikes: dict[str, Tensor] = {}
    hooks = [
        layer.register_forward_hook(lambda _, __, output, name=name: spikes.update({name: output}))
        for name, layer in spiking_layers(model).items()
    ]
    logits = model(images)
    for hook in hooks:
        hook.remove()
    return spikes, logits


def looped(spikes: Tensor) -> Tensor:
    """Spikes by step and neuron, int64 `(T, *features)`, sample by sample."""
    total = torch.zeros(spikes[:, 0].shape, dtype=torch.int64)
    for sample in range(spikes.shape[1]):
        total += spikes[:, sample].long()
    return total


STATES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "counts": lambda a, _: looped(a).sum(0),
    "reference_counts": lambda _, b: looped(b).sum(0),
    "steps": lambda a, _: looped(a).flatten(1).sum(1),
    "reference_steps": lambda _, b: looped(b).flatten(1).sum(1),
    "places": lambda a, _: torch.tensor(a.shape[1] * a[0, 0].numel()),
    "differing": lambda a, b: looped(a != b).sum(),
    "fired": lambda a, b: looped((a + b) > 0).sum(),
}
PROFILE_STATES = STATES | {"counts": lambda a, _: looped(a), "reference_counts": lambda _, b: looped(b)}
MISMATCH_STATES = STATES | {"places": lambda a, _: torch.tensor(a.numel())}

# the metric, what its states must be, and the number of networks that it watches
FIRING: dict[str, tuple[Callable[[Watched], LayerCounts], dict[str, Callable[[Tensor, Tensor], Tensor]], int]] = {
    "FiringEMD": (lambda _: FiringEMD(), STATES, 2),
    "FiringEMD, stored reference": (lambda on: FiringEMD(FiringProfile.from_spikes(on.spikes[1])), STATES, 1),
    "FiringDrift": (lambda _: FiringDrift(), STATES, 2),
    "FiringRate": (lambda _: FiringRate(), STATES, 1),
    "TemporalDrift": (lambda _: TemporalDrift(), STATES, 2),
    "ProfileEMD": (lambda _: ProfileEMD(), PROFILE_STATES, 2),
    "SpikeMismatch": (lambda _: SpikeMismatch(), MISMATCH_STATES, 2),
}


@pytest.mark.parametrize("name", FIRING)
def bench_update_of_spikes(benchmark, watched, name):
    make, states, networks = FIRING[name]
    metric, spikes = make(watched), watched.spikes[:networks]
    metric.update(*spikes)
    for state, count in metric.metric_state.items():
        kind, _, layer = state.partition("/")
        if layer:
            assert torch.equal(count, states[kind](*(network[layer] for network in watched.spikes)))
    benchmark.pedantic(metric.update, spikes, rounds=20)
    report(benchmark, watched, f"{name}.update", networks)
    benchmark.extra_info["percent to read the spikes once"] = round(100 * watched.reading / watched.forward, 2)


def bench_recording(benchmark, watched):
    spikes = watched.spikes[0]
    layers = {name: LayerFiring.empty(each.shape[2:], len(each)) for name, each in spikes.items()}

    def count() -> None:
        for name, layer in layers.items():
            count_by_shard(spikes[name], name, 0, layer.counts, layer.steps, layer.samples)

    count()
    for name, layer in layers.items():
        assert torch.equal(layer.counts.sum(0), looped(spikes[name]).sum(0))
        assert torch.equal(layer.counts[7], looped(spikes[name][:, 7::20]).sum(0))
    benchmark.pedantic(count, rounds=20)
    report(benchmark, watched, "counting by shard", 1)


@pytest.mark.parametrize("metric_class", [Disagreement, Flips, NegativeFlips, OutputKL], ids=lambda each: each.__name__)
def bench_update_of_outputs(benchmark, watched, metric_class):
    metric = metric_class()
    labelled = metric_class in (Flips, NegativeFlips)
    benchmark.pedantic(metric.update, (*watched.logits, *[watched.labels] * labelled), rounds=20)
    rows = list(zip(*(logits.argmax(1).tolist() for logits in watched.logits), watched.labels.tolist(), strict=True))
    if metric_class is Disagreement:
        assert metric.compute() == sum(a != b for a, b, _ in rows) / BATCH
    elif metric_class is Flips:
        assert metric.compute() == sum((a == y) != (b == y) for a, b, y in rows) / BATCH
    report(benchmark, watched, f"{metric_class.__name__}.update", 2)


IMAGES, SHARDS = 10_000, 20


def bench_paired_null(benchmark):
    """1,000 swaps for a cell of cifar10-sew8, beside the forward passes of its test set (width 48, T = 4)."""
    torch.manual_seed(0)
    model, images = sew_resnet8(width=48).eval(), torch.rand(20, 3, 32, 32)
    with torch.inference_mode():
        spikes, _ = run(model, images)
        forward = min(seconds(lambda: model(images), repeat=2)) * IMAGES / len(images)
    shapes = {name: each.shape[2:] for name, each in spikes.items()}
    rates = {name: torch.rand(shape) ** 2 / 4 for name, shape in shapes.items()}
    paired = [counted(rates), counted({name: rate * 1.02 for name, rate in rates.items()})]
    assert Paired(*paired).null().swaps == 1000
    benchmark.pedantic(lambda: Paired(*paired).null(), rounds=3)
    benchmark.extra_info.update(
        work="the paired null, percent",
        peer="the forward passes of 10,000 images, eager",
        ratio=100 * benchmark.stats.stats.min / forward,
        target="<= 1",
    )


def counted(rates: dict[str, Tensor]) -> FiringProfile:
    """Counts of 10,000 images and 4 steps, drawn at the rates."""
    trials = torch.full((SHARDS,), IMAGES // SHARDS)
    layers = {}
    for name, rate in rates.items():
        counts = torch.binomial(
            torch.full((SHARDS, *rate.shape), 4.0 * IMAGES / SHARDS), rate.expand(SHARDS, *rate.shape)
        )
        spikes = counts.long().flatten(1).sum(1)
        steps = (spikes // 4)[:, None].repeat(1, 4)
        steps[:, 0] += spikes % 4
        layers[name] = LayerFiring(counts.long(), steps, trials)
    return FiringProfile(layers)


def report(benchmark: Any, watched: Watched, work: str, networks: int) -> None:
    benchmark.extra_info.update(
        work=f"{work}, percent, {watched.threads} threads",
        peer=f"{'the forward pass' if networks == 1 else 'both forward passes'}, eager",
        ratio=100 * benchmark.stats.stats.min / (networks * watched.forward),
        target="<= 3",
    )
