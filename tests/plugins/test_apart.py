"""Asking a plugin in a process of its own."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from snnbench.plugins import apart
from snnbench.plugins.source import KINDS, PluginSource

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "write-a-plugin.md"
SOURCE = PluginSource("snnbench-asked", "1.0", "asked", "snnbench_asked")
GOOD = """
    import os, random, sys
    import torch
    from snnbench import hookimpl
    import snnbench.plugins.shelf

    print("loud")
    os.write(1, b"louder")
    random.seed(1)

    @hookimpl
    def snnbench_quantizers():
        return {"asked": dict}

    @hookimpl
    def snnbench_models():
        raise OSError("gone")
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(apart, "LIMIT", 1000.0)  # PyTorch's import may take minutes on a loaded machine
    monkeypatch.setattr(apart, "PATIENCE", 1000.0)
    return tmp_path / "snnbench_asked.py"


def test_a_slow_plugin_is_told_of_and_has_a_limit(
    module: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    module.write_text("import time; time.sleep(1000)", "utf-8")
    monkeypatch.setattr(apart, "PATIENCE", 0.1)
    monkeypatch.setattr(apart, "LIMIT", 0.2)
    (found,) = apart.ask_apart([SOURCE])
    assert set(found) == set(KINDS)
    assert {fault.error for each in found.values() for fault in each.faults} == {
        "does not load within 0.2 s, so it is left out"
    }
    assert capfd.readouterr().err == "snnbench-asked 1.0 takes long to load; it has 0.2 s\n"


def test_a_plugin_that_is_asked_asks_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(apart._MARK, "1")
    (found,) = apart.ask_apart([SOURCE])
    assert found["models"].faults[0].error == "asks for plugins while it is asked itself"


@pytest.mark.slow
def test_it_answers_for_itself_and_changes_nothing_here(module: Path, capfd: pytest.CaptureFixture[str]) -> None:
    module.write_text(dedent(GOOD), "utf-8")
    before = random.getstate()
    (found,) = apart.ask_apart([SOURCE])
    assert found["quantizers"].names == ("asked",)
    assert [(fault.error, fault.fatal) for fault in found["models"].faults] == [
        ("changes Python's random state when it loads; it was put back", False),
        ("OSError: gone", True),
    ]
    assert "snnbench_asked" not in sys.modules
    assert random.getstate() == before
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("import os; os._exit(3)", "ends its process (exit code 3) instead of answering"),
        ("import os, sys; sys.stderr.write('Oh no\\n'); sys.stderr.flush(); os.kill(os.getpid(), 9)", "Oh no"),
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("from snnbench.plugins import catalogue; catalogue().quantizers['x']", "no quantizer 'x'"),
        (
            "import snnbench.plugins.shelf as s; s.unknown = None",
            "changes snnbench.plugins.shelf.unknown when it loads",
        ),
    ],
)
def test_whatever_goes_wrong_is_its_fault(module: Path, code: str, error: str) -> None:
    module.write_text(code, "utf-8")
    (found,) = apart.ask_apart([SOURCE])
    assert found["quantizers"].names == ()
    assert any(error in fault.error for fault in found["quantizers"].faults if fault.fatal)


@pytest.mark.skipif(not GUIDE.is_file(), reason="not a checkout: there is no folder docs")
def test_the_limit_is_that_of_the_guide() -> None:
    assert f"within {apart.LIMIT:g} seconds" in GUIDE.read_text("utf-8")
