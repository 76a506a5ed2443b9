"""Scoring an evaluation against its reference: the metrics a protocol may ask for, each with its interval."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from snnbench.data.content import Labels
from snnbench.errors import FiringError, ProtocolError
from snnbench.functional import (
    Estimate,
    FiringProfile,
    Scalar,
    Units,
    accuracy_change,
    dead_fraction,
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
from snnbench.records.record import Control, LayerRow, Reference, Score


class Outcome(Protocol):
    """What a network did on the test set, as far as scores need it."""

    @property
    def predictions(self) -> Tensor:
        """Predicted classes, int64 (N,)."""

    @property
    def profile(self) -> FiringProfile:
        """Spike counts."""


Estimator = Callable[..., Estimate | float]
"""(statistic, *profiles, bounds=) -> the statistic of the profiles, with its interval where there can be one."""


@dataclass(frozen=True)
class Scored:
    """What a metric is computed from, and how the intervals of firing metrics are found."""

    evaluation: Outcome
    reference: Outcome
    labels: Tensor
    rules: Rules
    estimator: Estimator = jackknife

    @property
    def correct(self) -> Tensor:
        """Whether each image is classified rightly, bool (N,)."""
        return self.evaluation.predictions == self.labels

    @property
    def reference_correct(self) -> Tensor:
        """The same for the reference."""
        return self.reference.predictions == self.labels

    def alone(self, statistic: Callable[[FiringProfile], float | Tensor]) -> Estimate | float:
        """A statistic in [0, 1] of the network's firing."""
        return self.estimator(statistic, self.evaluation.profile, bounds=(0, 1))

    def against_reference(
        self, distance: Callable[..., Tensor], reduction: Scalar = "weighted", units: Units = "neuron"
    ) -> Estimate | float:
        """A distance in [0, 1] between the network's firing and the reference's."""
        profiles = self.evaluation.profile, self.reference.profile
        return self.estimator(lambda a, b: distance(a, b, reduction, units), *profiles, bounds=(0, 1))


Metric = Callable[[Scored], Estimate | float]

METRICS: dict[str, Metric] = {
    "accuracy": lambda s: wilson_interval(int(s.correct.sum()), len(s.labels)),
    "accuracy_change": lambda s: accuracy_change(s.correct, s.reference_correct),
    "mcnemar_p": lambda s: mcnemar_test(s.correct, s.reference_correct).p_value,
    "firing_emd": lambda s: s.against_reference(firing_emd),
    "firing_emd_mean": lambda s: s.against_reference(firing_emd, "mean"),
    "firing_emd_max": lambda s: s.against_reference(firing_emd, "max"),
    "firing_emd_pooled": lambda s: s.against_reference(firing_emd, "pooled"),
    "firing_emd_channel": lambda s: s.against_reference(firing_emd, units="channel"),
    "firing_drift": lambda s: s.against_reference(firing_drift),
    "firing_rate": lambda s: s.alone(lambda profile: profile.mean_rate()),
    "dead_fraction": lambda s: s.alone(lambda profile: dead_fraction(profile, s.rules.dead_below)),
    "saturated_fraction": lambda s: s.alone(lambda profile: saturated_fraction(profile, s.rules.saturated_above)),
}
"""Every metric that a protocol may name. Adding one means a new protocol version."""


def score_all(rules: Rules, evaluation: Evaluation, reference: Evaluation, labels: Labels) -> dict[str, Score]:
    """The protocol's metrics by name; one that cannot be measured is null, with its reason.

    Raises:
        ProtocolError: if the protocol names a metric that there is not.
    """
    check_metrics(rules)
    return scores(Scored(evaluation, reference, torch.from_numpy(labels), rules), rules.metrics)


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


def reference_of(reference: Evaluation, labels: Labels, rules: Rules) -> Reference:
    """The reference's own figures."""
    scored = Scored(reference, reference, torch.from_numpy(labels), rules)
    return Reference(**scores(scored, Reference.model_fields))


def control_of(control: Evaluation, reference: Evaluation, labels: Labels, rules: Rules) -> Control:
    """The control's figures, against the same reference."""
    scored = Scored(control, reference, torch.from_numpy(labels), rules)
    return Control(**scores(scored, Control.model_fields))
