"""Scores recomputed from evidence by the functions that computed them first, and compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from math import isclose
from typing import Any

import torch
from torch import Tensor

from snnbench.bench.baseline_check import TOLERANCE
from snnbench.bench.costs import Costed, cost_from, costs_from
from snnbench.bench.metrics import FIRING_DRIFT, FIRING_EMD, METRICS, kept_for
from snnbench.bench.score import layer_rows, measured, scores
from snnbench.bench.scored import NetworkOutcome, Scored
from snnbench.functional import firing_drift, firing_emd
from snnbench.functional.costs import KINDS
from snnbench.leaderboard.board import Board, Entry
from snnbench.records.evidence import Evidence
from snnbench.records.record import Reference
from snnbench.records.score import Score

_RELATIVE = 1e-9
_ABSOLUTE = 1e-12


def score_problems(board: Board, entry: Entry) -> list[str]:
    """Every number of the entry's record that its evidence contradicts."""
    record, reference = entry.record, board.reference(entry.note.reference)
    assert reference.labels is not None
    if entry.evidence.profile.samples != reference.profile.samples:
        return [f"its evidence is of {entry.evidence.profile.samples} images, the board's of {len(reference.labels)}"]
    if list(entry.evidence.profile.layers) != list(reference.profile.layers):
        return ["the layers of its evidence are not those of its reference"]
    rules = board.protocol.evaluate

    def scored(outcome: NetworkOutcome) -> Scored:
        return Scored(outcome, reference, reference.labels, rules, sharded=False)  # type: ignore[arg-type]

    mine = scores(scored(entry.evidence), filter(METRICS.__contains__, record.metrics))
    theirs = scores(scored(reference), Reference.model_fields)
    rows = layer_rows(entry.evidence.profile, reference.profile, rules.dead_below)
    return [
        *class_problems(entry.evidence.predictions, reference.labels),
        *kept_problems(board, entry.evidence, reference),
        *score_differences("metric", record.metrics, mine),
        *score_differences("reference", dict(record.reference), theirs),
        *layer_differences([dict(row) for row in record.layers], [dict(row) for row in rows]),
        *_reached_differences(entry, scored(entry.evidence)),
        *_cost_differences(entry, reference, rules.costs),
        *_baseline_problems(board, entry, theirs["accuracy"]),
    ]


def _reached_differences(entry: Entry, found: Scored) -> Iterator[str]:
    """The layers that are not reached fire as in the reference, after training alone they need not."""
    reached = entry.record.reached
    if reached is None:
        return
    if not set(reached.layers) <= set(found.reference.profile.layers) or not reached.layers:
        yield "the layers that quantization reaches are not among those of its evidence"
        return
    scores = {
        FIRING_EMD.name: measured(partial(found.emd, "weighted", reached.layers)),
        FIRING_DRIFT.name: measured(partial(found.drift, reached.layers)),
    }
    yield from score_differences("reached", {name: getattr(reached, name) for name in scores}, scores)


def distance_problems(entry: Entry, control: Entry) -> Iterator[str]:
    """Whether the entry's distance to its control is that of the evidence of both."""
    said = entry.record.control.to_cell if entry.record.control else None
    if said is None:
        return
    mine, theirs = entry.evidence.profile, control.evidence.profile
    found = {
        FIRING_EMD.name: Score(value=float(firing_emd(mine, theirs))),
        FIRING_DRIFT.name: Score(value=float(firing_drift(mine, theirs))),
    }
    yield from score_differences("distance to its control,", {name: getattr(said, name) for name in found}, found)


def kept_problems(board: Board, evidence: Evidence, reference: Evidence) -> Iterator[str]:
    """Evidence keeps of each image what its reference's does, and no more than the board's metrics need."""
    if lacks := sorted(reference.kept - evidence.kept):
        yield f"its evidence lacks {', '.join(lacks)}, which that of its reference holds"
    if beyond := sorted(evidence.kept - kept_for(board.protocol.evaluate.metrics)):
        yield f"its evidence holds {', '.join(beyond)}, which no metric of its board needs"


def class_problems(predictions: Tensor, labels: Tensor) -> Iterator[str]:
    """Whether a prediction is no class."""
    classes = int(labels.max()) + 1
    if ((predictions < 0) | (predictions >= classes)).any():
        yield f"a prediction is not one of the {classes} classes"


def score_differences(what: str, said: Mapping[str, Score], found: Mapping[str, Score]) -> Iterator[str]:
    """A sentence for each score that is another than was `found`; intervals, where they were found."""
    for name, score in found.items():
        own = said[name]
        if not _same(own.value, score.value):
            yield f"{what} {name} is {own.value} in the record and {score.value} by its evidence"
        elif score.low is not None and not (_same(own.low, score.low) and _same(own.high, score.high)):
            yield f"the interval of {what} {name} is [{own.low}, {own.high}] in the record, not by its evidence"
        elif not _ordered(own):
            yield f"the interval of {what} {name}, [{own.low}, {own.high}], does not hold its value"


def _cost_differences(entry: Entry, reference: Evidence, asked: tuple[str, ...]) -> Iterator[str]:
    said, operations = entry.record.cost, entry.evidence.operations
    costed = Costed(entry.evidence, reference, entry.record.audit)
    found = cost_from(costed, said.layers)
    for name, value in found:
        mine = getattr(said, name)
        if isinstance(value, Score):
            yield from score_differences("cost", {name: mine}, {name: value})
        elif mine != value and not (isinstance(value, float) and _same(mine, value)):
            yield f"cost {name} is {mine} in the record and {value} by its evidence"
    again = costs_from(costed)
    unknown = entry.record.costs.keys() - again.keys() - set(asked)
    yield from (f"no cost is called {name}" for name in sorted(unknown))
    yield from (
        f"it lacks cost {name}, which its protocol asks for" for name in asked if name not in entry.record.costs
    )
    yield from score_differences(
        "cost", entry.record.costs, {n: s for n, s in again.items() if n in entry.record.costs}
    )
    if [row.layer for row in said.layers] != list(operations.layers):
        yield "the layers of its cost are not those of its evidence"
        return
    for kind in KINDS:
        for row, value in zip(said.layers, operations.per_image(kind).values(), strict=True):
            if not _same(getattr(row, kind), value):
                yield f"{kind} of layer {row.layer} is {getattr(row, kind)} in the record and {value} by its evidence"


def _ordered(score: Score) -> bool:
    if score.low is None or score.high is None or score.value is None:
        return score.low is score.high
    return score.low <= score.value <= score.high


def layer_differences(said: list[dict[str, Any]], found: list[dict[str, Any]]) -> Iterator[str]:
    """A sentence for each number of a layer's row that is another than was `found`."""
    if [row["layer"] for row in said] != [row["layer"] for row in found]:
        yield "its layers are not those of its evidence"
        return
    for mine, theirs in zip(said, found, strict=True):
        for field, value in theirs.items():
            if field != "layer" and not _same(mine[field], value):
                yield f"{field} of layer {mine['layer']} is {mine[field]} in the record and {value} by its evidence"


def _baseline_problems(board: Board, entry: Entry, accuracy: Score) -> Iterator[str]:
    seed = entry.record.cell.seed
    if not board.protocol.baselines or accuracy.value is None:
        return
    stated = board.protocol.baseline(seed).accuracy
    if abs(accuracy.value - stated) > TOLERANCE:
        yield f"its reference has an accuracy of {accuracy.value:.4f}; the protocol's baseline has {stated:.4f}"


def _same(a: float | None, b: float | None) -> bool:
    if a is None or b is None:
        return a is b
    return isclose(a, b, rel_tol=_RELATIVE, abs_tol=_ABSOLUTE)


def correct(board: Board, entry: Entry) -> Tensor:
    """Whether the entry's network, on its chip if it has one, classifies each image rightly, bool (N,)."""
    outcome = entry.chip_evidence if entry.record.chip else entry.evidence
    return torch.eq(outcome.predictions, board.reference(entry.note.reference).labels)  # type: ignore[arg-type]
