"""Firing EMD of a million neurons against its peers in the same run."""

from __future__ import annotations

from time import perf_counter

import ot
import pytest
import torch
from scipy.stats import wasserstein_distance

from snnbench.functional import FiringProfile, Paired, emd_from_counts, emd_interval, firing_emd

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
    benchmark.extra_info.update(
        work="firing EMD of 1,000,000 neurons, from counts",
        peer="the faster of SciPy and POT",
        ratio=min(peers[name][0] for name in ("scipy", "pot")) / best,
        target=">= 100",
    )


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
    assert benchmark(lambda: emd_interval(Paired(network, reference))).value > 0
