"""A measured value, or the reason why there is none."""

from __future__ import annotations

from pydantic import model_validator

from snnbench.records.schema import RecordPart, added


class Score(RecordPart):
    """A measured value with its 95 % interval, where one is defined, or null and the reason it failed."""

    value: float | None
    low: float | None = added(None)
    high: float | None = added(None)
    reason: str | None = added(None)

    @model_validator(mode="after")
    def _failed_or_measured(self) -> Score:
        if (self.value is None) == (self.reason is None):
            raise ValueError("a score is a value, or null with the reason why it could not be measured")
        if self.value is None and not (self.low is None and self.high is None):
            raise ValueError("a score that could not be measured has no interval")
        return self
