"""What a metric is, and how all views show it. Imports no torch, so that results list fast."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from snnbench.bench.scored import Scored
    from snnbench.functional import Estimate
    from snnbench.records.record import Record
    from snnbench.records.score import Score

Need = Literal["predictions", "profile", "logits", "step_logits", "events", "distances", "latencies", "potentials"]
PER_STEP = "spikes per step"


@dataclass(frozen=True)
class Quantity:
    """A figure and how it is shown.

    Attributes:
        name: in protocols, records and exports.
        title: what it is, in words.
        unit: of the values that are shown; empty for a plain number.
        scale: what a value is multiplied by to be shown.
        format: of the value that is shown.
    """

    name: str
    title: str
    unit: str
    scale: float
    format: str

    @property
    def label(self) -> str:
        """The title with its unit."""
        return f"{self.title}, {self.unit}" if self.unit else self.title

    def text(self, value: float) -> str:
        """A value as it is shown, without its unit; a rate or distance of exactly 0 as ``0``."""
        return f"{self.scale * value:{self.format}}" if value or self.scale != 1 else "0"

    def difference(self, value: float) -> str:
        """A difference of two values as it is shown, with its sign."""
        return f"{self.scale * value:+{self.format.removeprefix('+')}}"


@dataclass(frozen=True)
class Metric(Quantity):
    """A figure that a protocol may ask for.

    Attributes:
        better: which way is better, None where neither is.
        compute: ``(functional, scored) -> value``, with its interval where there is one; `functional` is
            `snnbench.functional`, handed over so that this table imports nothing heavy.
        needs: what it is computed from; what is not always kept is kept where a protocol's metric needs it.
        heading: heading of its column in tables; without one it is on cards and in exports only.
        about: what its column says.
        distance: whether it is a distance to the reference, whose own is 0.
    """

    better: Literal["higher", "lower"] | None
    compute: Callable[[Any, Scored], Estimate | float]
    needs: tuple[Need, ...] = ("profile",)
    heading: str = ""
    about: str = ""
    distance: bool = False

    def shown(self, score: Score) -> str:
        """A score as it is shown, or ``failed``."""
        return "failed" if score.value is None else self.text(score.value)

    def interval(self, score: Score, between: str = " to ") -> str:
        """The ends of a score's interval; empty without one."""
        ends = (score.low, score.high)
        return between.join(f"{self.scale * end:{self.format}}" for end in ends if end is not None)

    def of(self, record: Record) -> Score | None:
        """The record's score, if it was asked for."""
        return record.metrics.get(self.name)
