"""How often the intervals contain the true value, by simulation; writes the table of docs/uncertainty.md.

    python tests/functional/coverage.py

Two networks see the same samples. Each sample is of one of twelve kinds, which decides the probability that each neuron
fires; given the kind, neurons fire independently, and the second network repeats most of the first one's spikes. So
neurons and networks are correlated as they are on images, and the true rates are known. Every sample has one step: a
sample's steps are as good as one, if they always agree.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import norm

from snnbench.functional import (
    SHARDS,
    Estimate,
    FiringProfile,
    LayerFiring,
    Scalar,
    dead_fraction,
    firing_drift,
    firing_emd,
    jackknife,
    noise_floor,
    wilson_interval,
)

KINDS = 12
REPETITIONS = 1000
DOCUMENT = Path(__file__).parents[2] / "docs" / "uncertainty.md"
MARKS = ("<!-- coverage: begin -->", "<!-- coverage: end -->")

Probabilities = list[NDArray[np.float64]]
"""For each layer, the probability that each neuron fires on each kind of sample, `(KINDS, neurons)`."""


@dataclass(frozen=True)
class Scenario:
    """Samples, layer sizes, and how the second network differs: spread and mean of the neurons' shifts, in sigmas."""

    name: str
    samples: int
    layers: tuple[int, int]
    spread: float
    mean: float


SCENARIOS = (
    Scenario("360 samples, 96 neurons, large change", 360, (64, 32), 0.25, 0.15),
    Scenario("360 samples, 1,400 neurons, large change", 360, (1000, 400), 0.2, 0.1),
    Scenario("2,000 samples, 300 neurons, large change", 2000, (200, 100), 0.2, 0.1),
    Scenario("2,000 samples, 300 neurons, small change", 2000, (200, 100), 0.1, -0.08),
    Scenario("10,000 samples, 300 neurons, small change", 10_000, (200, 100), 0.1, -0.05),
    Scenario("10,000 samples, 1,400 neurons, small change", 10_000, (1000, 400), 0.05, -0.03),
    Scenario("2,000 samples, 300 neurons, near the floor", 2000, (200, 100), 0.04, -0.035),
    Scenario("10,000 samples, 1,400 neurons, near the floor", 10_000, (1000, 400), 0.03, -0.013),
    Scenario("360 samples, 96 neurons, near the floor", 360, (64, 32), 0.12, 0.08),
    Scenario("10,000 samples, 1,400 neurons, above the floor", 10_000, (1000, 400), 0.03, -0.02),
    Scenario("2,000 samples, 300 neurons, equal rates", 2000, (200, 100), 0.0, 0.0),
)


def networks(scenario: Scenario) -> tuple[Probabilities, Probabilities, Probabilities]:
    """Firing probabilities of a reference, of a network that differs as the scenario says, and of one more so."""
    random = np.random.default_rng(0)
    found: tuple[Probabilities, Probabilities, Probabilities] = ([], [], [])
    for size in scenario.layers:
        level = (
            random.normal(-1.5, 1.0, size) + random.normal(0, 0.7, (KINDS, size)) + random.normal(0, 0.3, (KINDS, 1))
        )
        shift = scenario.mean + scenario.spread * random.standard_normal(size)
        for network, strength in zip(found, (0, 1, 1.3), strict=True):
            network.append(norm.cdf(level + strength * shift))
    return found


def profiles(
    scenario: Scenario, chances: tuple[Probabilities, ...], random: np.random.Generator
) -> list[FiringProfile]:
    """Profiles of all networks on one draw of the samples."""
    sizes = np.bincount(np.arange(scenario.samples) % SHARDS, minlength=SHARDS)
    kinds = np.stack([random.multinomial(size, np.full(KINDS, 1 / KINDS)) for size in sizes])
    layers = [dict[str, LayerFiring]() for _ in chances]
    for index in range(len(scenario.layers)):
        reference = chances[0][index]
        fired = random.binomial(kinds[:, :, None], reference)
        for network, chance in zip(layers, chances, strict=True):
            other = chance[index]
            kept = fired if other is reference else _follow(fired, kinds, reference, other, random)
            counts = torch.from_numpy(kept.sum(1))
            network[f"layer{index}"] = LayerFiring(counts, counts.sum(1, keepdim=True), torch.from_numpy(sizes))
    return [FiringProfile(network) for network in layers]


def _follow(
    fired: NDArray[np.int64],
    kinds: NDArray[np.int64],
    reference: NDArray[np.float64],
    other: NDArray[np.float64],
    random: np.random.Generator,
) -> NDArray[np.int64]:
    """Spikes of a network that shares 70 % of what it can share with the reference's spikes."""
    both = 0.7 * np.minimum(reference, other) + 0.3 * reference * other
    shared = random.binomial(fired, both / reference)
    return shared + random.binomial(kinds[:, :, None] - fired, (other - both) / (1 - reference))


def rates(chances: Probabilities) -> dict[str, torch.Tensor]:
    """True rates."""
    return {f"layer{index}": torch.from_numpy(chance.mean(0)) for index, chance in enumerate(chances)}


def truths(
    reference: dict[str, torch.Tensor], network: dict[str, torch.Tensor], more: dict[str, torch.Tensor]
) -> dict[str, float]:
    """True values of what `estimates` estimates."""
    neurons = torch.cat(list(network.values()))
    return {
        "EMD": float(firing_emd(network, reference)),
        "EMD, max": float(firing_emd(network, reference, "max")),
        "EMD, pooled": float(firing_emd(network, reference, "pooled")),
        "drift": float(firing_drift(network, reference)),
        "difference of EMDs": float(firing_emd(network, reference) - firing_emd(more, reference)),
        "mean rate": float(neurons.mean()),
        "dead": float(dead_fraction(neurons)),
    }


def estimates(reference: FiringProfile, network: FiringProfile, more: FiringProfile) -> dict[str, Estimate]:
    """Every kind of estimate from one draw of the samples."""
    return {
        "EMD": _by_jackknife(network, reference, "weighted"),
        "EMD, max": _by_jackknife(network, reference, "max"),
        "EMD, pooled": _by_jackknife(network, reference, "pooled"),
        "drift": jackknife(firing_drift, network, reference, bounds=(0, 1)),
        "difference of EMDs": jackknife(_nearer, network, more, reference, bounds=(-1, 1)),
        "mean rate": jackknife(FiringProfile.mean_rate, network, bounds=(0, 1)),
        "dead": jackknife(dead_fraction, network, bounds=(0, 1)),
    }


def _nearer(network: FiringProfile, more: FiringProfile, reference: FiringProfile) -> torch.Tensor:
    return firing_emd(network, reference) - firing_emd(more, reference)


def _by_jackknife(network: FiringProfile, reference: FiringProfile, reduction: Scalar) -> Estimate:
    """The jackknife's interval of an EMD; of what `emd_interval` joins it with, see `functional.null_coverage`."""
    return jackknife(lambda a, b: firing_emd(a, b, reduction), network, reference, bounds=(0, 1))


def coverage(scenario: Scenario, repetitions: int, seed: int = 1) -> dict[str, float]:
    """Fraction of intervals that contain the true value, and under `floor` the true EMD in units of the noise floor."""
    torch.set_num_threads(1)
    chances, random = networks(scenario), np.random.default_rng(seed)
    true = truths(*(rates(each) for each in chances))
    covered, floors = dict.fromkeys(true, 0), []
    for _ in range(repetitions):
        drawn = profiles(scenario, chances, random)
        for name, estimate in estimates(*drawn).items():
            covered[name] += estimate.low <= true[name] <= estimate.high
        floors.append(float(noise_floor(drawn[0])))
    shares = {name: count / repetitions for name, count in covered.items()}
    return {"floor": true["EMD"] / float(np.mean(floors)), **shares}


def accuracy_coverage(accuracy: float, samples: int) -> float:
    """Exact coverage of the Wilson interval."""
    chance = torch.distributions.Binomial(samples, torch.tensor(accuracy, dtype=torch.float64))
    reach = 6 * sqrt(samples * accuracy * (1 - accuracy))
    likely = [k for k in range(samples + 1) if abs(k - samples * accuracy) <= reach]
    intervals = [(k, wilson_interval(k, samples)) for k in likely]
    inside = [k for k, interval in intervals if interval.low <= accuracy <= interval.high]
    return float(chance.log_prob(torch.tensor(inside, dtype=torch.float64)).exp().sum())


def table(measured: list[dict[str, float]]) -> Iterator[str]:
    """Markdown lines: a row for each scenario."""
    columns = [name for name in measured[0] if name != "floor"]
    yield "| scenario | EMD / floor | " + " | ".join(columns) + " |"
    yield "|---|" + "---:|" * (len(columns) + 1)
    for scenario, shares in zip(SCENARIOS, measured, strict=True):
        percents = " | ".join(f"{100 * shares[name]:.1f}" for name in columns)
        yield f"| {scenario.name} | {shares['floor']:.1f} | {percents} |"


def main() -> None:
    """Simulate all scenarios and put the table into the document."""
    with ProcessPoolExecutor(2) as pool:
        measured = list(pool.map(coverage, SCENARIOS, [REPETITIONS] * len(SCENARIOS)))
    before, rest = DOCUMENT.read_text("utf-8").split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    lines = "\n".join(table(measured))
    DOCUMENT.write_text(f"{before}{MARKS[0]}\n\n{lines}\n\n{MARKS[1]}{after}", "utf-8")


if __name__ == "__main__":
    main()
