"""Firing EMD of a million neurons against its peers in the same run, and the cost of counting spikes."""

from __future__ import annotations

import timeit
from time import perf_counter

import ot
import pytest
import torch
from scipy.stats import wasserstein_distance

from snnbench.functional import FiringProfile, check_spikes, count_spikes, emd_from_counts, estimate_emd, firing_emd
from snnbench.metrics import FiringEMD, ProfileEMD, SpikeMismatch, TemporalDrift
from snnbench.nn import sew_resnet8
from snnbench.nn.recording import spiking_layers

TRIALS = 40_000  # 10,000 images, 4 steps


def counts(units: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Counts of two networks, mostly of low rate, as in a trained network."""
    generator = torch.Generator().manual_seed(0)
    rates = torch.rand(units, generator=generator, dtype=torch.float64) ** 4
    moved = (rates + 0.01 * torch.randn(units, generator=generator, dtype=torch.float64)).clamp(0, 1)
    return (rates * TRIALS).long(), (moved * TRIALS).long()


PEERS = {
    "scipy": lambda a, b: float(wasserstein_distance(a, b)),
    "pot": lambda a, b: float(ot.wasserstein_1d(a, b)),
    "torch sort": lambda a, b: float(firing_emd(torch.from_numpy(a), torch.from_numpy(b))),
}


@pytest.fixture(scope="module")
def peers() -> dict[str, tuple[float, float]]:
    """Seconds, the best of three, and value of each peer on a million neurons."""
    a, b = ((count.double() / TRIALS).numpy() for count in counts(1_000_000))
    found = {}
    for name, peer in PEERS.items():
        seconds = []
        for _ in range(3):
            start = perf_counter()
            value = peer(a, b)
            seconds.append(perf_counter() - start)
        found[name] = min(seconds), value
    return found


def bench_emd_of_a_million_neurons(benchmark, peers):
    a, b = counts(1_000_000)
    value = benchmark.pedantic(emd_from_counts, (a, b, TRIALS), rounds=20, warmup_rounds=2)
    best = benchmark.stats.stats.min
    for name, (seconds, peer_value) in peers.items():
        benchmark.extra_info[f"times as fast as {name}"] = round(seconds / best, 1)
        benchmark.extra_info[f"difference from {name}"] = abs(value - peer_value)
        assert abs(value - peer_value) <= 1e-12
    for name in ("scipy", "pot"):
        assert peers[name][0] / best >= 100


def bench_jackknife_of_a_network(benchmark):
    """SEW-ResNet-8 at width 16 on 32 x 32 images: 86,016 neurons in 9 layers, 20 shards."""
    generator = torch.Generator().manual_seed(0)
    sizes = [16384] * 3 + [8192] * 3 + [4096] * 3
    network, reference = (
        FiringProfile.from_spikes(
            {f"layer{i}": torch.rand(4, 40, size, generator=generator) < 0.2 for i, size in enumerate(sizes)}
        )
        for _ in range(2)
    )
    assert benchmark(estimate_emd, network, reference).value > 0


@pytest.mark.parametrize("function", [check_spikes, count_spikes], ids=lambda f: f.__name__)
def bench_spikes_of_a_layer(benchmark, function):
    """100 images, 4 steps, 16,384 neurons."""
    spikes = (torch.rand(4, 100, 16, 32, 32, generator=torch.Generator().manual_seed(0)) < 0.2).float()
    benchmark(function, spikes, "layer")


@pytest.fixture(scope="module")
def watched() -> tuple[dict[str, torch.Tensor], float]:
    """Spikes of every layer of SEW-ResNet-8 for 50 images of 32 x 32, and the seconds of the forward pass."""
    torch.manual_seed(0)
    model, images = sew_resnet8(width=16).eval(), torch.rand(50, 3, 32, 32)
    spikes: dict[str, torch.Tensor] = {}
    hooks = [
        module.register_forward_hook(lambda _, __, output, name=name: spikes.update({name: output}))
        for name, module in spiking_layers(model).items()
    ]
    with torch.no_grad():
        model(images)
        for hook in hooks:
            hook.remove()
        return spikes, min(timeit.repeat(lambda: model(images), number=1, repeat=5))


METRICS = [FiringEMD, TemporalDrift, ProfileEMD, SpikeMismatch]


@pytest.mark.parametrize("metric_class", METRICS, ids=lambda metric: metric.__name__)
def bench_update_against_the_forward_passes_it_watches(benchmark, watched, metric_class):
    spikes, forward = watched
    metric = metric_class()
    benchmark(metric.update, spikes, spikes)
    share = benchmark.stats.stats.min / (2 * forward)
    benchmark.extra_info["percent of the two forward passes"] = round(100 * share, 2)
    assert share < 0.1
