"""What the tests of the conformance kit share: where their plugins come from, and what a report says that failed."""

from __future__ import annotations

from snnbench.plugins import PluginSource
from snnbench.testing.outcome import CheckReport

SOURCE = PluginSource("snnbench-tests", "1.0", "tests", "tests")


def failures(report: CheckReport) -> dict[str, str]:
    """Check -> its message."""
    return {outcome.check: outcome.message for outcome in report.outcomes if outcome.status == "failed"}
