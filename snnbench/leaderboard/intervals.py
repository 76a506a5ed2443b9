"""Intervals and nulls of a record, as far as evidence without counts by shard can judge them."""

from __future__ import annotations

from collections.abc import Iterator
from math import isclose
from pathlib import Path

from snnbench.bench.metrics import FIRING_DRIFT, FIRING_EMD, METRICS
from snnbench.functional import FiringProfile
from snnbench.functional.emd_interval import INTERVALS
from snnbench.functional.uncertainty import jackknife_spread
from snnbench.leaderboard.board import Board, Entry
from snnbench.records.evidence import EVIDENCE_FILE, spikes_by_shard
from snnbench.records.layout import REFERENCES
from snnbench.records.record import Distance, Null
from snnbench.records.score import Score

WIDEST = 3.0
"""Intervals of firing metrics are at most so many times as wide as the value, or as the split-half distance."""

DISTANCES = tuple(metric.name for metric in METRICS.values() if metric.distance)
_BOTH = (FIRING_EMD.name, FIRING_DRIFT.name)
_SHARES = ("dead_fraction", "saturated_fraction")


def interval_problems(board: Board, entry: Entry) -> Iterator[str]:
    """What cannot be about the entry's intervals, its split-half distance and its nulls."""
    record, reference = entry.record, board.reference(entry.note.reference)
    yield from _floor_problems(record.noise_floor, reference.profile)
    if not 1 <= record.emd_intervals <= INTERVALS:
        yield f"its intervals of EMD are of version {record.emd_intervals}; there are 1 to {INTERVALS}"
    floor = record.noise_floor.value or 0.0
    for name, score in record.metrics.items():
        yield from width_problems(f"metric {name}", name, score, floor)
    yield from width_problems("reference dead_fraction", "dead_fraction", record.reference.dead_fraction, floor)
    folder = board.folder / REFERENCES / entry.note.reference
    yield from _rate_problems("reference firing_rate", record.reference.firing_rate, folder / EVIDENCE_FILE)
    if "firing_rate" in record.metrics:
        yield from _rate_problems("metric firing_rate", record.metrics["firing_rate"], entry.folder / EVIDENCE_FILE)
    if record.paired_null is not None:
        yield from _null_problems("paired null", record.paired_null, record.metrics[FIRING_EMD.name])
    if record.reached is not None:
        for name in _BOTH:
            yield from width_problems(f"{name} of the layers reached", name, getattr(record.reached, name), floor)
    yield from _control_problems(entry, floor)


def _control_problems(entry: Entry, floor: float) -> Iterator[str]:
    control = entry.record.control
    if control is None:
        return
    for name in _BOTH:
        yield from width_problems(f"control {name}", name, getattr(control, name), floor)
    for what in ("to_cell", "to_other_seed"):
        distance: Distance | None = getattr(control, what)
        if distance is not None:
            for name in _BOTH:
                yield from width_problems(f"control {what}", name, getattr(distance, name), floor)
            yield from _null_problems(f"control {what}", distance.paired_null, distance.firing_emd)


def width_problems(what: str, name: str, score: Score, floor: float) -> Iterator[str]:
    """What cannot be about the interval of a score of metric `name`, where `floor` is the split-half distance."""
    if score.value is None or name not in (*DISTANCES, *_SHARES):
        return
    if score.low is None or score.high is None:
        yield f"{what} has no interval"
        return
    width, least = score.high - score.low, max(score.value, floor)
    if not 0 <= score.low <= score.value <= score.high <= 1:
        yield f"the interval of {what}, [{score.low}, {score.high}], does not hold its value, or leaves [0, 1]"
    elif width == 0 and score.value > 0 and name in DISTANCES:
        yield f"the interval of {what} has no width"
    elif width > WIDEST * (least if name in DISTANCES else max(score.value, 0.1)):
        yield f"the interval of {what}, [{score.low}, {score.high}], is too wide for a value of {score.value}"


def _rate_problems(what: str, score: Score, evidence: Path) -> Iterator[str]:
    """The mean rate's interval is that of its shards, whose spikes evidence has."""
    spikes, samples = (each.double().numpy() for each in spikes_by_shard(evidence))
    filled = samples > 0
    spikes, samples = spikes[filled], samples[filled]
    if len(samples) < 2 or not spikes.sum() or score.value is None:
        return
    per_spike = score.value * samples.sum() / spikes.sum()  # one over neurons and steps
    without = (spikes.sum() - spikes) / (samples.sum() - samples) * per_spike
    corrected, reach = jackknife_spread(score.value, without, samples)
    low, high = max(min(score.value, corrected) - reach, 0), min(max(score.value, corrected) + reach, 1)
    if score.low is None or score.high is None or not (_near(score.low, low) and _near(score.high, high)):
        yield f"the interval of {what} is [{score.low}, {score.high}] in the record and [{low}, {high}] by its evidence"


def _near(mine: float, theirs: float) -> bool:
    return isclose(mine, theirs, rel_tol=1e-7, abs_tol=1e-10)


def _floor_problems(floor: Score, profile: FiringProfile) -> Iterator[str]:
    """Halves of independent images cannot be farther apart than the most that spikes of these rates vary."""
    if floor.value is None:
        return
    rates = profile.rates()
    neurons = sum(rate.numel() for rate in rates.values())
    most = sum(float((2 * (rate * (1 - rate) / profile.samples).sqrt()).sum()) for rate in rates.values()) / neurons
    if not 0 <= floor.value <= most:
        yield f"a split-half distance of {floor.value} is not one of this reference, whose rates allow {most:.6f}"
    if (
        profile.samples > 1
        and neurons > 1
        and floor.value == 0
        and any(bool((r * (1 - r)).any()) for r in rates.values())
    ):
        yield "a split-half distance of 0 is not one of a reference that fires"


def _null_problems(what: str, null: Null, emd: Score) -> Iterator[str]:
    steps = null.p_value * (null.swaps + 1)
    if null.swaps < 1000 or not isclose(steps, round(steps), abs_tol=1e-6) or not 1 <= round(steps) <= null.swaps + 1:
        yield f"the p-value of its {what}, {null.p_value}, is not one of at least 1,000 swaps"
    if not 0 <= null.mean <= 1 or not 0 <= null.high <= 1 or (null.high > 0 and null.mean > 20 * null.high):
        yield f"its {what} has a mean of {null.mean} and a quantile of {null.high}"
    if emd.value is not None and (
        (null.p_value < 0.049 and emd.value < null.high) or (null.p_value > 0.052 and emd.value > null.high)
    ):
        yield f"the p-value of its {what}, {null.p_value}, is not that of {emd.value} above {null.high}"
