"""Expected failures, the pytest parametrizer, and `snnbench check`."""

from __future__ import annotations

import json

import pytest

from snnbench.cli.main import main
from snnbench.errors import OptionError, PluginError
from snnbench.plugins import catalogue
from snnbench.testing import CheckFailed, check, parametrize_with_checks
from snnbench.testing.runner import CHECKS, SOMETHING_CHECKED

NAN = """
    import torch
    from torch import nn
    from snnbench import hookimpl

    class Nan(nn.Module):
        def forward(self, x):
            return x * (x / x)

    def nan(tensor, *, bits: int = 32):
        "Not finite at zero."
        return Nan()

    @hookimpl
    def snnbench_quantizers():
        return {"nan": nan}
"""
REASON = {"degenerate": "divides by zero"}


@pytest.fixture
def nan(install):
    install("snnbench-nan", NAN)
    catalogue.cache_clear()
    yield "nan"
    catalogue.cache_clear()


@pytest.fixture
def cli(monkeypatch, capsys):
    def cli(*arguments):
        monkeypatch.setattr("sys.argv", ["snnbench", *arguments])
        return main(), *capsys.readouterr()

    return cli


def test_expected_failures_are_named_with_their_reason(nan):
    (report,) = check(nan, expected_failures=REASON)
    assert report.ok
    (outcome,) = [outcome for outcome in report.outcomes if outcome.status == "expected"]
    assert (outcome.check, outcome.message[:17]) == ("degenerate", "divides by zero (")
    (report,) = check(nan)
    assert not report.ok


def test_an_expected_failure_that_passes_is_a_failure(nan):
    (report,) = check(nan, expected_failures={**REASON, "shape": "none"})
    (outcome,) = [outcome for outcome in report.outcomes if outcome.status == "failed"]
    assert (outcome.check, outcome.message) == ("shape", "it passes, but is expected to fail: none")


def test_an_unknown_check_is_refused(nan):
    with pytest.raises(OptionError, match=r"'shapes' is no check; did you mean 'shape'\? there are options, shape"):
        check(nan, expected_failures={"shapes": "x"})


def test_protocols_chips_and_unknown_names_are_refused():
    with pytest.raises(OptionError, match="'digits-sew8' is a protocol"):
        check("digits-sew8")
    with pytest.raises(OptionError, match="'loihi' is a chip"):
        check("loihi")
    with pytest.raises(PluginError, match="no plugin 'lqnot'; did you mean 'lqnet'"):
        check("lqnot")


def test_an_option_that_is_not_allowed_is_the_callers_mistake_and_no_failed_check():
    with pytest.raises(OptionError, match="clip='huge' is not one of"):
        check("uniform", options={"clip": "huge"})


def test_each_check_is_a_test_of_its_own(nan):
    cases = {case.id: case.values[0] for case in parametrize_with_checks(nan, expected_failures=REASON).args[1]}
    assert list(cases) == [*CHECKS["quantizers"], SOMETHING_CHECKED]
    cases["shape"]()
    cases[SOMETHING_CHECKED]()
    with pytest.raises(pytest.xfail.Exception, match="divides by zero"):
        cases["degenerate"]()
    with pytest.raises(pytest.skip.Exception, match="offers no calibrate"):
        cases["calibrate"]()


def test_a_failed_check_is_a_failed_test(nan):
    cases = {case.id: case.values[0] for case in parametrize_with_checks(nan).args[1]}
    with pytest.raises(CheckFailed, match="not finite"):
        cases["degenerate"]()


def test_the_command_prints_every_check_and_its_exit_code_says_how_it_ended(nan, cli):
    code, out, _ = cli("check", nan, "--expect", "degenerate=divides by zero")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[:-1]] == list(CHECKS["quantizers"])
    assert out.splitlines()[-1] == "quantizer 'nan', snnbench-nan 1.0: 14 passed, 0 failed, 1 expected, 3 skipped"
    code, out, _ = cli("check", nan, "--json")
    assert code == 1
    (report,) = json.loads(out)
    assert [each["check"] for each in report["checks"] if each["status"] == "failed"] == ["degenerate"]
    assert cli("check", nan, "--option", "clip=wide")[0] == 2


NO_MODULE = """
    from snnbench import hookimpl

    def plain(tensor, *, bits: int = 8):
        "Gives the weight and no module."
        return tensor

    @hookimpl
    def snnbench_quantizers():
        return {"plain": plain}
"""


def test_one_fault_that_fails_many_checks_is_told_once(install, cli):
    install("snnbench-plain", NO_MODULE)
    catalogue.cache_clear()
    code, out, _ = cli("check", "plain")
    catalogue.cache_clear()
    assert code == 1
    told = [line for line in out.splitlines() if "its factory gives a Tensor, not an nn.Module" in line]
    assert [line.split()[:2] for line in told] == [["shape", "failed"]]
    assert out.count("failed    the same as shape\n") == len(CHECKS["quantizers"]) - 2
