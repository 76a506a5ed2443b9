from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from snnbench.cli.main import main
from snnbench.plugins import catalogue


class Answer(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def cache(own_cache: Path) -> Path:
    return own_cache


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Runs the command line in this process, with a catalogue of its own."""

    def cli(*arguments: str) -> Answer:
        catalogue.cache_clear()
        monkeypatch.setattr(sys, "argv", ["snnbench", *arguments])
        try:
            code = main()
        finally:
            catalogue.cache_clear()
        return Answer(code, *capsys.readouterr())

    return cli


@pytest.fixture
def shell() -> Callable[..., Answer]:
    """Runs the installed command in a process of its own."""

    def shell(*arguments: str, **environment: str) -> Answer:
        command = [str(Path(sys.executable).with_name("snnbench")), *arguments]
        told = subprocess.run(
            command, capture_output=True, text=True, check=False, env=os.environ | environment, timeout=100
        )
        return Answer(told.returncode, told.stdout, told.stderr)

    return shell
