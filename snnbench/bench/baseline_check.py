"""Evaluating the shipped baselines again, on the data at hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from snnbench.bench.bench import Bench, open_bench
from snnbench.reporting import Reporter

TOLERANCE = 0.0005
"""Another processor may round a float32 sum otherwise and so change a few spikes; that moves the accuracy by less."""


def verify_baselines(protocol: str, data: Path | None, reporter: Reporter) -> list[dict[str, Any]]:
    """Evaluate each baseline of a protocol: seed, measured and expected accuracy (fractions), and whether they agree.

    Raises:
        ProtocolError: if the protocol has no weights, or they are altered.
        DataError: if the data set is not prepared, or altered.
    """
    count = len(open_bench(protocol, data=data).protocol.baselines)
    return [_verify(open_bench(protocol, index, data=data), index, reporter) for index in range(count)]


def _verify(bench: Bench, index: int, reporter: Reporter) -> dict[str, Any]:
    baseline = bench.protocol.baseline(index)
    _, labels = bench.test_set()
    evaluation = bench.evaluate(bench.network.build(), f"Baseline, seed {baseline.seed}", reporter)
    found = float((evaluation.predictions == torch.from_numpy(labels)).double().mean())
    agrees = abs(found - baseline.accuracy) <= TOLERANCE
    return {"seed": baseline.seed, "accuracy": found, "expected": baseline.accuracy, "agrees": agrees}
