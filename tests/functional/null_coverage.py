"""How often the paired null calls equal networks different, and EMD's interval holds the true EMD near its null.

    python tests/functional/null_coverage.py

The networks are those of `functional.coverage`, their difference scaled until the true EMD is a multiple of the null:
the mean EMD that networks of the same rates have.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
from functional.coverage import Probabilities, Scenario, networks, profiles, rates

from snnbench.functional import FiringProfile, Paired, emd_interval, firing_emd, paired_null

MULTIPLES = (0.5, 1.0, 2.0, 5.0, 10.0)
SCENARIO = Scenario("360 samples, 96 neurons", 360, (64, 32), 0.12, 0.08)
LARGER = Scenario("2,000 samples, 300 neurons", 2000, (200, 100), 0.04, -0.035)


@cache
def scaled(scenario: Scenario, multiple: float) -> tuple[tuple[Probabilities, ...], float]:
    """Networks whose true EMD is about so many nulls, and that EMD."""
    random, factor = np.random.default_rng(5), 1.0
    for _ in range(8):
        chances = networks(replace(scenario, spread=scenario.spread * factor, mean=scenario.mean * factor))[:2]
        true = float(firing_emd(rates(chances[1]), rates(chances[0])))
        nulls = [null(*profiles(scenario, chances, random)) for _ in range(3)]
        if abs(true / np.mean(nulls) / multiple - 1) < 0.08:
            break
        factor *= multiple * float(np.mean(nulls)) / true
    return chances, true


def null(reference: FiringProfile, network: FiringProfile) -> float:
    """Mean EMD of the noise between two networks, without what they truly differ by."""
    return float(Paired(network, reference).shifted("weighted")[1][0].mean())


def coverage(scenario: Scenario, multiple: float, repetitions: int, seed: int = 1) -> float:
    """Share of intervals that hold the true EMD."""
    (chances, true), random, held = scaled(scenario, multiple), np.random.default_rng(seed), 0
    for _ in range(repetitions):
        reference, network = profiles(scenario, chances, random)
        interval = emd_interval(Paired(network, reference))
        held += interval.low <= true <= interval.high
    return held / repetitions


def called_different(scenario: Scenario, repetitions: int, seed: int = 1) -> float:
    """Share of pairs of equal rates that the paired null tells apart at 5 %."""
    chances = networks(replace(scenario, spread=0.0, mean=0.0))[:2]
    random, different = np.random.default_rng(seed), 0
    for _ in range(repetitions):
        reference, network = profiles(scenario, chances, random)
        different += paired_null(network, reference).p_value < 0.05
    return different / repetitions


def main() -> None:
    """Print what docs/uncertainty.md states."""
    import sys

    repetitions = int(sys.argv[1])
    for scenario in (SCENARIO, LARGER):
        share = called_different(scenario, repetitions)
        sys.stdout.write(f"{scenario.name}: equal networks called different: {100 * share:.1f} %\n")
        sys.stdout.flush()
        for multiple in MULTIPLES:
            share = coverage(scenario, multiple, repetitions)
            sys.stdout.write(f"{scenario.name}: {multiple} nulls: covered {100 * share:.1f} %\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
