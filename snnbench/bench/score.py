"""Scoring an evaluation against its reference: the metrics a protocol may ask for, each with its interval."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from functools import partial

import torch

from snnbench import functional
from snnbench.bench.metrics import METRICS
from snnbench.bench.scored import Scored
from snnbench.data.content import Labels
from snnbench.errors import FiringError, ProtocolError
from snnbench.functional import Estimate, FiringProfile, Paired, dead_fraction, firing_drift, noise_floor, seed_floor
from snnbench.functional.emd import counted_emd
from snnbench.protocols.document import EvaluationRules as Rules
from snnbench.records.evaluation import Evaluation
from snnbench.records.record import Control, Distance, LayerScores, Null, Reached, Reference
from snnbench.records.schema import RecordPart
from snnbench.records.score import Score


def scored(evaluation: Evaluation, reference: Evaluation, labels: Labels, rules: Rules) -> Scored:
    """What the metrics of an evaluation are computed from.

    Raises:
        ProtocolError: if the protocol names a metric that there is not.
    """
    check_metrics(rules)
    return Scored(evaluation, reference, torch.from_numpy(labels), rules)


def scores(scored: Scored, names: Iterable[str]) -> dict[str, Score]:
    """Some of the `METRICS` by name; one that cannot be measured is null, with its reason."""
    return {name: measured(partial(METRICS[name].compute, functional, scored)) for name in names}


def check_metrics(rules: Rules) -> None:
    """Refuse a protocol that asks for a metric that there is not.

    Raises:
        ProtocolError: naming it.
    """
    for name in rules.metrics:
        if name not in METRICS:
            raise ProtocolError(f"the protocol asks for metric '{name}'; there are {', '.join(METRICS)}")


def metrics_in(part: type[RecordPart]) -> list[str]:
    """The metrics that a part of a record has as its fields."""
    return [name for name in part.model_fields if name in METRICS]


def measured(metric: Callable[[], Estimate | Score | float]) -> Score:
    """A metric's score; null with the reason if it cannot be measured."""
    try:
        found = metric()
    except FiringError as error:
        return Score(value=None, reason=str(error))
    if isinstance(found, Score):
        return found
    if isinstance(found, Estimate):
        return Score(value=found.value, low=found.low, high=found.high)
    return Score(value=found)


def floor_of(profile: FiringProfile) -> Score:
    """The split-half noise floor of the reference's EMD."""
    return measured(lambda: float(noise_floor(profile)))


def seed_floor_of(profiles: Sequence[FiringProfile]) -> Score:
    """The seed-to-seed noise floor of references of different seeds."""
    return measured(lambda: float(seed_floor(profiles)))


def layer_rows(mine: FiringProfile, theirs: FiringProfile, dead_below: float) -> tuple[LayerScores, ...]:
    """One row a spiking layer."""
    rates, references = mine.rates(), theirs.rates()
    return tuple(
        LayerScores(
            layer=name,
            neurons=rate.numel(),
            firing_rate=float(rate.mean()),
            reference_rate=float(references[name].mean()),
            firing_emd=counted_emd(rate, references[name]),
            firing_drift=float(firing_drift(rate, references[name])),
            dead_fraction=float(dead_fraction(rate, dead_below)),
        )
        for name, rate in rates.items()
    )


def null_of(paired: Paired) -> Null:
    """Where the EMD lies among those after swaps of shards."""
    return Null(**asdict(paired.null()))


def reached_of(found: Scored, layers: tuple[str, ...]) -> Reached:
    """EMD and drift over the `layers` that quantization can reach."""
    return Reached(
        layers=layers,
        firing_emd=measured(lambda: found.emd(layers=layers)),
        firing_drift=measured(lambda: found.drift(layers)),
    )


def distance_of(found: Scored) -> Distance:
    """How far apart the two networks fire."""
    return Distance(
        firing_emd=measured(found.emd), firing_drift=measured(found.drift), paired_null=null_of(found.paired)
    )


def reference_of(reference: Evaluation, labels: Labels, rules: Rules) -> Reference:
    """The reference's own figures."""
    return Reference(**scores(scored(reference, reference, labels, rules), Reference.model_fields))


def control_of(cell: Scored, control: Evaluation, other: Evaluation) -> Control:
    """The control's figures against the reference of `cell`, and its distance to the cell and to the control of an
    `other` seed."""
    against = replace(cell, evaluation=control)
    return Control(
        **scores(against, metrics_in(Control)),
        to_cell=distance_of(replace(cell, reference=control)),
        to_other_seed=distance_of(replace(against, reference=other)),
    )
