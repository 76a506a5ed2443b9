"""What metrics are computed from: a network's outcome on the test set beside its reference's."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, TypeVar

from torch import Tensor

from snnbench.errors import FiringError
from snnbench.functional import (
    Estimate,
    FiringProfile,
    Paired,
    Scalar,
    Units,
    emd_interval,
    firing_drift,
    firing_emd,
    jackknife,
)
from snnbench.functional.emd_interval import only
from snnbench.functional.samples import Samples, estimate_statistic
from snnbench.protocols.document import EvaluationRules as Rules

T = TypeVar("T")


class NetworkOutcome(Protocol):
    """What a network did on the test set, as far as scores need it."""

    @property
    def predictions(self) -> Tensor:
        """Predicted classes, int64 (N,)."""

    @property
    def profile(self) -> FiringProfile:
        """Spike counts."""

    @property
    def logits(self) -> Tensor | None:
        """Outputs (N, classes), where they are kept."""

    @property
    def step_logits(self) -> Tensor | None:
        """Outputs at each step (N, T, classes), where they are kept."""

    @property
    def events(self) -> dict[str, Tensor] | None:
        """Layer -> spikes at each step and for each image (T, N), where they are kept."""

    @property
    def distances(self) -> Tensor | None:
        """This and the next two as in `Evaluation`, where they are kept."""

    @property
    def latencies(self) -> Tensor | None:
        """Shifts of first spikes."""

    @property
    def potentials(self) -> Tensor | None:
        """Ranges of membrane potentials."""


@dataclass(frozen=True)
class Scored:
    """What a metric is computed from.

    Attributes:
        sharded: whether profiles have counts by shard; evidence has none, and its scores so have no intervals.
    """

    evaluation: NetworkOutcome
    reference: NetworkOutcome
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

    @property
    def logits(self) -> Tensor:
        """Outputs (N, classes); this and the next three raise a FiringError where there are none."""
        return _known(self.evaluation.logits, "outputs are not kept")

    @property
    def step_logits(self) -> Tensor:
        """Outputs at each step (N, T, classes)."""
        return _known(self.evaluation.step_logits, "the network does not show its outputs at each step")

    @property
    def reference_step_logits(self) -> Tensor:
        """The same of the reference."""
        return _known(self.reference.step_logits, "the reference does not show its outputs at each step")

    @property
    def events(self) -> dict[str, Tensor]:
        """Layer -> spikes at each step and for each image (T, N)."""
        return _known(self.evaluation.events, "spikes of each image are not kept")

    @property
    def distances(self) -> Tensor:
        """Van Rossum distance of each image, in the mean over neurons, float64 (N,)."""
        neurons = sum(layer.neurons for layer in self.evaluation.profile.layers.values())
        return _known(self.evaluation.distances, "spike trains are not compared").double() / neurons

    @property
    def latencies(self) -> Tensor:
        """Over the neurons that fire in both networks, the sum of shifts of their first spikes, and their number."""
        return _known(self.evaluation.latencies, "first spikes are not compared")

    @property
    def potentials(self) -> Tensor:
        """Lowest and highest membrane potential of each layer (L, 2); there is at least one layer."""
        found = _known(self.evaluation.potentials, "membrane potentials are not kept")
        return _known(found if len(found) else None, "the network's neurons do not show their potentials")

    def of_images(
        self, statistic: Callable[[Samples], float], bounds: tuple[float, float] = (0, 1), **rows: Tensor
    ) -> Estimate:
        """A statistic of the labels and of `rows`, tensors of a row an image; evidence gives its interval, too."""
        return estimate_statistic(statistic, Samples({"labels": self.labels, **rows}), bounds)

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


def _known(found: T | None, otherwise: str) -> T:
    if found is None:
        raise FiringError(otherwise)
    return found
