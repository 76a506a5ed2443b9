"""Running the checks of a plugin part: what it raises is a failed check, and nobody else's trouble."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snnbench.errors import OptionError, did_you_mean
from snnbench.plugins import KINDS, PluginEntry, catalogue
from snnbench.plugins.isolation import one_line
from snnbench.testing import costs, datasets, models, quantizers
from snnbench.testing.outcome import CheckFailed, CheckOutcome, CheckReport, CheckSkipped
from snnbench.testing.subject import Check, Subject

if TYPE_CHECKING:
    import pytest

CHECKS: dict[str, dict[str, Check]] = {
    "quantizers": quantizers.CHECKS,
    "models": models.CHECKS,
    "datasets": datasets.CHECKS,
    "costs": costs.CHECKS,
}
SOMETHING_CHECKED = "something_checked"


def check(
    name: str,
    *,
    options: Mapping[str, object] | None = None,
    expected_failures: Mapping[str, str] | None = None,
    root: Path | None = None,
) -> list[CheckReport]:
    """Check a quantizer, model, data set or cost; one report for each kind in which the name is plugged in.

    Args:
        name: as ``snnbench plugins list`` shows it, or ``module:function`` of a network of one's own.
        options: keyword arguments of its factory.
        expected_failures: for a check that is known to fail, the reason; it fails if it passes.
        root: folder of the data sets, None for the default; of a network of one's own, name or folder of the data set
            whose images it classifies, ``digits`` by default.

    Raises:
        PluginError: if nothing of that name is plugged in.
        OptionError: if `expected_failures` names no check, or an option is not allowed.
    """
    return [check_entry(entry, options, expected_failures, root) for entry in checkable(name)]


def check_entry(
    entry: PluginEntry[Any],
    options: Mapping[str, object] | None = None,
    expected_failures: Mapping[str, str] | None = None,
    root: Path | None = None,
) -> CheckReport:
    """Run every check of an entry's kind; arguments as `check`."""
    expected = expected_failures or {}
    checks = CHECKS[entry.kind]
    for name in expected:
        if name not in checks:
            raise OptionError(f"{name!r} is no check{did_you_mean(name, checks) or ';'} there are {', '.join(checks)}")
    subject = _subject(Subject(entry, options or {}, root))
    outcomes = (_outcome(name, run, subject, expected.get(name)) for name, run in checks.items())
    return CheckReport(f"{entry}, {entry.source}", tuple(outcomes))


def _subject(plain: Subject) -> Subject:
    """A network of one's own classifies the images of one data set, of their shape and number of classes."""
    if not plain.is_own:
        return plain
    dataset = catalogue().datasets[str(plain.root or "digits")].value
    return replace(plain, input_shape=dataset.input_shape, num_classes=dataset.num_classes)


def checkable(name: str) -> list[PluginEntry[Any]]:
    """The entries of that name that the kit can check; PluginError or OptionError if there are none."""
    found = catalogue().find(name)
    entries = [entry for entry in found if entry.kind in CHECKS]
    if not entries:
        raise OptionError(
            f"{name!r} is a {KINDS[found[0].kind]}; checks are made of quantizers, models, data sets and costs"
        )
    return entries


def parametrize_with_checks(
    name: str,
    *,
    options: Mapping[str, object] | None = None,
    expected_failures: Mapping[str, str] | None = None,
    root: Path | None = None,
) -> pytest.MarkDecorator:
    """Decorator that makes a test of each check, which is called without arguments::

        @parametrize_with_checks("halve")
        def test_halve(check):
            check()

    A skipped check is a skipped test, an expected failure an expected one, and one test more fails if every check was
    skipped. Arguments and errors as `check`.
    """
    import pytest

    entries = checkable(name)

    @cache
    def report(index: int) -> CheckReport:
        return check_entry(entries[index], options, expected_failures, root)

    def bound(index: int, number: int) -> Any:
        return lambda: _tell(report(index).outcomes[number])

    cases = []
    for index, entry in enumerate(entries):
        kind = f"{entry.kind}-" if len(entries) > 1 else ""
        cases += [pytest.param(bound(index, i), id=f"{kind}{each}") for i, each in enumerate(CHECKS[entry.kind])]
        cases.append(pytest.param(lambda i=index: _tell_if_nothing(report(i)), id=f"{kind}{SOMETHING_CHECKED}"))
    return pytest.mark.parametrize("check", cases)


def _outcome(name: str, run: Check, subject: Subject, reason: str | None) -> CheckOutcome:
    try:
        run(subject)
    except CheckSkipped as skip:
        return CheckOutcome(name, "skipped", str(skip))
    except OptionError:
        raise
    except Exception as error:  # noqa: BLE001  (whatever a plugin raises is what its check found)
        message = str(error) if isinstance(error, CheckFailed) else one_line(error)
        if reason is not None:
            return CheckOutcome(name, "expected", f"{reason} ({message})", error)
        return CheckOutcome(name, "failed", message, error)
    if reason is not None:
        return CheckOutcome(name, "failed", f"it passes, but is expected to fail: {reason}")
    return CheckOutcome(name, "passed")


def _tell(outcome: CheckOutcome) -> None:
    import pytest

    if outcome.status == "skipped":
        pytest.skip(outcome.message)
    if outcome.status == "expected":
        pytest.xfail(outcome.message)
    if outcome.status == "failed":
        raise CheckFailed(outcome.message) from outcome.error


def _tell_if_nothing(report: CheckReport) -> None:
    if not any(outcome.status in ("passed", "failed") for outcome in report.outcomes):
        raise CheckFailed(report.summary)
