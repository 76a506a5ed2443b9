"""Scoring an evaluation against its reference: the metrics a protocol may ask for, each with its interval."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from typing import Protocol

import torch
from torch import Tensor

from snnbench.data.content import Labels
from snnbench.errors import FiringError, ProtocolError
from snnbench.functional import (
    Estimate,
    FiringProfile,
    Paired,
    Scalar,
    Units,
    accuracy_change,
    dead_fraction,
    emd_interval,
    firing_drift,
    firing_emd,
    jackknife,
    mcnemar_test,
    noise_floor,
    saturated_fraction,
    seed_floor,
    wilson_interval,
)
from snnbench.protocols.document import Evaluation as Rules
from snnbench.records.evaluation import Evaluation
from snnbench.records.record import Control, Distance, LayerRow, Null, Reached, Reference
from snnbench.records.score import Score


class Outcome(Protocol):
    """What a network did on the test set, as far as scores need it."""

    @property
    def predictions(self) -> Tensor:
        """Predicted classes, int64 (N,)."""

    @property
    def profile(self) -> FiringProfile:
        """Spike counts."""


@dataclass(frozen=True)
class Scored:
    """What a metric is computed from.

    Attributes:
        sharded: whether profiles have counts by shard; evidence has none, and its scores so have no intervals.
    """

    evaluation: Outcome
    reference: Outcome
    labels: Tensor
    rules: Rules
    sharded: bool = True

    @property
    def correct(self) -> Tensor:
        """Whether each image is classified rightly, bool (N,)."""
        return self.evaluation.predictions == self.labels

    @property
    def reference_correct(self) -> Tensor:
        """The same for the reference."""
        return self.reference.predictions == self.labels

    @cached_property
    def paired(self) -> Paired:
        """Both networks' firing, for what needs counts by shard of both."""
        return Paired(self.evaluation.profile, self.reference.profile)

    def alone(self, statistic: Callable[[FiringProfile], float | Tensor]) -> Estimate | float:
        """A statistic in [0, 1] of the network's firing."""
        return self._estimate(statistic, self.evaluation.profile)

    def against_reference(
        self, distance: Callable[..., Tensor], reduction: Scalar = "weighted", units: Units = "neuron"
    ) -> Estimate | float:
        """A distance in [0, 1] between the network's firing and the reference's."""
        profiles = self.evaluation.profile, self.reference.profile
        return self._estimate(lambda a, b: distance(a, b, reduction, units), *profiles)

    def emd(self, reduction: Scalar = "weighted", layers: Collection[str] | None = None) -> Estimate | float:
        """The firing EMD of neurons over all `layers`."""
        if self.sharded:
            return emd_interval(self.paired, reduction, layers)
        mine, theirs = (only(each.profile, layers) for each in (self.evaluation, self.reference))
        return float(firing_emd(mine, theirs, reduction))

    def drift(self, layers: Collection[str] | None = None) -> Estimate | float:
        """The firing drift over all `layers`."""
        profiles = (only(each.profile, layers) for each in (self.evaluation, self.reference))
        return self._estimate(firing_drift, *profiles)

    def _estimate(self, statistic: Callable[..., float | Tensor], *profiles: FiringProfile) -> Estimate | float:
        return jackknife(statistic, *profiles, bounds=(0, 1)) if self.sharded else float(statistic(*profiles))


Metric = Callable[[Scored], Estimate | float]

METRICS: dict[str, Metric] = {
    "accuracy": lambda s: wilson_interval(int(s.correct.sum()), len(s.labels)),
    "accuracy_change": lambda s: accuracy_change(s.correct, s.reference_correct),
    "mcnemar_p": lambda s: mcnemar_test(s.correct, s.reference_correct).p_value,
    "firing_emd": lambda s: s.emd(),
    "firing_emd_mean": lambda s: s.emd("mean"),
    "firing_emd_max": lambda s: s.emd("max"),
    "firing_emd_pooled": lambda s: s.against_reference(firing_emd, "pooled"),
    "firing_emd_channel": lambda s: s.against_reference(firing_emd, units="channel"),
    "firing_drift": lambda s: s.drift(),
    "firing_rate": lambda s: s.alone(lambda profile: profile.mean_rate()),
    "dead_fraction": lambda s: s.alone(lambda profile: dead_fraction(profile, s.rules.dead_below)),
    "saturated_fraction": lambda s: s.alone(lambda profile: saturated_fraction(profile, s.rules.saturated_above)),
}
"""Every metric that a protocol may name. Adding one means a new protocol version."""


def scored(evaluation: Evaluation, reference: Evaluation, labels: Labels, rules: Rules) -> Scored:
    """What the metrics of an evaluation are computed from.

    Raises:
        ProtocolError: if the protocol names a metric that there is not.
    """
    check_metrics(rules)
    return Scored(evaluation, reference, torch.from_numpy(labels), rules)


def scores(scored: Scored, names: Iterable[str]) -> dict[str, Score]:
    """Some of the `METRICS` by name; one that cannot be measured is null, with its reason."""
    return {name: measured(partial(METRICS[name], scored)) for name in names}


def check_metrics(rules: Rules) -> None:
    """Refuse a protocol that asks for a metric that there is not.

    Raises:
        ProtocolError: naming it.
    """
    for name in rules.metrics:
        if name not in METRICS:
            raise ProtocolError(f"the protocol asks for metric '{name}'; there are {', '.join(METRICS)}")


def measured(metric: Callable[[], Estimate | float]) -> Score:
    """A metric's score; null with the reason if it cannot be measured."""
    try:
        found = metric()
    except FiringError as error:
        return Score(value=None, reason=str(error))
    if isinstance(found, Estimate):
        return Score(value=found.value, low=found.low, high=found.high)
    return Score(value=found)


def floor_of(profile: FiringProfile) -> Score:
    """The split-half noise floor of the reference's EMD."""
    return measured(lambda: float(noise_floor(profile)))


def seed_floor_of(profiles: Sequence[FiringProfile]) -> Score:
    """The seed-to-seed noise floor of references of different seeds."""
    return measured(lambda: float(seed_floor(profiles)))


def only(profile: FiringProfile, layers: Collection[str] | None) -> FiringProfile:
    """The profile of some of the layers; of all of them without `layers`."""
    return FiringProfile({name: each for name, each in profile.layers.items() if layers is None or name in layers})


def layer_rows(mine: FiringProfile, theirs: FiringProfile, dead_below: float) -> tuple[LayerRow, ...]:
    """One row a spiking layer."""
    rates, references = mine.rates(), theirs.rates()
    return tuple(
        LayerRow(
            layer=name,
            neurons=rate.numel(),
            firing_rate=float(rate.mean()),
            reference_rate=float(references[name].mean()),
            firing_emd=float(firing_emd(rate, references[name])),
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
        **scores(against, ("accuracy", "firing_emd", "firing_drift")),
        to_cell=distance_of(replace(cell, reference=control)),
        to_other_seed=distance_of(replace(against, reference=other)),
    )
