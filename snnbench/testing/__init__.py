"""The conformance kit: what every quantizer, model and data set must do, as checks that plugin authors run."""

from snnbench.testing.outcome import CheckFailed, CheckSkipped, Outcome, Report
from snnbench.testing.runner import check, check_entry, parametrize_with_checks

__all__ = ["CheckFailed", "CheckSkipped", "Outcome", "Report", "check", "check_entry", "parametrize_with_checks"]
