"""What a check found, and the report over all checks of one plugin part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

CheckStatus = Literal["passed", "failed", "expected", "skipped"]
STATUSES: tuple[CheckStatus, ...] = ("passed", "failed", "expected", "skipped")


class CheckFailed(AssertionError):
    """A plugin part does not do what the contract says; the message says where."""


class CheckSkipped(Exception):
    """A check does not apply, or cannot be made here; the message says why."""


@dataclass(frozen=True)
class CheckOutcome:
    """The outcome of one check: ``expected`` is a failure that was announced with a reason."""

    check: str
    status: CheckStatus
    message: str = ""
    error: BaseException | None = None


@dataclass(frozen=True)
class CheckReport:
    """The outcomes of all checks of one quantizer, model, data set or cost."""

    subject: str
    outcomes: tuple[CheckOutcome, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing failed and something was checked: a kit in which everything was skipped says nothing."""
        return self.count("failed") == 0 and self.count("passed") > 0

    def count(self, status: CheckStatus) -> int:
        """The number of checks of that status."""
        return sum(outcome.status == status for outcome in self.outcomes)

    @property
    def summary(self) -> str:
        """``quantizer 'lqnet': 14 passed, 0 failed, 0 expected, 1 skipped``, and why that fails if nothing passed."""
        counts = ", ".join(f"{self.count(status)} {status}" for status in STATUSES)
        nothing = "" if self.ok or self.count("failed") else "; nothing was checked, which counts as a failure"
        return f"{self.subject}: {counts}{nothing}"
