"""The conformance kit: what every quantizer, model, data set and cost must do, as checks that plugin authors run."""

from snnbench.testing.outcome import CheckFailed, CheckOutcome, CheckReport, CheckSkipped
from snnbench.testing.runner import check, check_entry, parametrize_with_checks

__all__ = [
    "CheckFailed",
    "CheckOutcome",
    "CheckReport",
    "CheckSkipped",
    "check",
    "check_entry",
    "parametrize_with_checks",
]
