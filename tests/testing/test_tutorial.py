"""The tutorial, followed command by command in an environment of its own; its code is what is run here."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import sysconfig
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import snnbench
from snnbench.quant import quantize_weights
from snnbench.quant.calibration import calibrate

NewCache = Callable[[Path], Path]
REPOSITORY = Path(__file__).resolve().parents[2]
TUTORIAL = (REPOSITORY / "docs" / "write-a-plugin.md").read_text("utf-8")
NEW, INSTALL, CHECK, TEST, RUN = "".join(re.findall(r"```sh\n(.*?)```", TUTORIAL, re.DOTALL)).splitlines()


def code(name: str) -> str:
    """The code of the tutorial that is marked with `name`."""
    (found,) = re.findall(rf"<!-- {name} -->\n```python\n(.*?)```", TUTORIAL, re.DOTALL)
    return found


class Environment:
    """A new virtual environment in a folder, and a shell there in which a newcomer types the tutorial's commands."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.folder, self.python = folder, folder / "venv" / "bin" / "python"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
        self.pip = [sys.executable, "-m", "pip", "--python", str(self.python), "install", "--quiet"]
        self.variables = {**os.environ, "SNNBENCH_CACHE": str(cache)}
        self.variables.pop("PYTHONPATH", None)

    def type(self, command: str) -> str:
        """What the command prints; it must succeed."""
        program, *arguments = shlex.split(command)
        words = [*self.pip, *arguments[1:]] if program == "pip" else [str(self.python), "-m", program, *arguments]
        ended = subprocess.run(
            words, check=False, env=self.variables, cwd=self.folder, capture_output=True, text=True, timeout=550
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout


def reusing(folder: Path, new_cache: NewCache) -> Environment:
    """It finds the packages of this environment, so that pip has only to check them, and nothing is downloaded."""
    environment = Environment(folder, new_cache(folder / "cache"))
    (packages,) = (folder / "venv").glob("lib/python*/site-packages")
    here, others = Path(snnbench.__file__).parents[1], sysconfig.get_path("purelib")
    (packages / "others.pth").write_text(f"{here}\nimport site; site.addsitedir({others!r})\n", "utf-8")
    environment.pip += ["--no-index", "--no-build-isolation"]
    return environment


def fresh(folder: Path, new_cache: NewCache) -> Environment:
    """Nothing is in it but snnbench, installed from its source, and what it requires."""
    environment = Environment(folder, folder / "cache")
    environment.pip += ["--no-compile", "-c", str(REPOSITORY / "constraints.txt")]
    environment.type(f"pip install '{REPOSITORY}'")
    return environment


@pytest.mark.timeout(600)
@pytest.mark.parametrize("make", [reusing, pytest.param(fresh, marks=pytest.mark.slow)])
def test_from_the_first_command_to_the_last(make: Callable[..., Environment], tmp_path, new_cache):
    environment = make(tmp_path, new_cache)
    assert "Wrote snnbench-halve." in environment.type(NEW)
    environment.type(INSTALL)
    assert environment.type(CHECK).endswith("15 passed, 0 failed, 0 expected, 3 skipped\n")
    assert "17 passed" in environment.type(TEST)
    project = tmp_path / "snnbench-halve"
    (project / "snnbench_halve" / "__init__.py").write_text(code("plugin"), "utf-8")
    (project / "tests" / "test_halve.py").write_text(code("test"), "utf-8")
    assert "17 passed" in environment.type(TEST)
    table = environment.type(RUN)
    assert re.findall(r"^ halve +(\d)/(\d)", table, re.MULTILINE) == [("2", "2"), ("4", "4"), ("8", "8")]


def test_the_levels(monkeypatch):
    module = types.ModuleType("snnbench_halve")
    monkeypatch.setitem(sys.modules, "snnbench_halve", module)
    exec(code("plugin"), vars(module))
    space: dict[str, Any] = {}
    exec(code("test").replace('@parametrize_with_checks("halve")\n', ""), space)
    space["test_levels"]()


def test_its_calibration_lowers_the_error_of_the_output():
    space: dict[str, type[nn.Module]] = {}
    exec(code("calibrate"), space)
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(32, 8, bias=False)), torch.randn(64, 32)
    expected = model(x)
    quantize_weights(model, lambda name, weight: space["Weighed"](weight, 3), exempt=())
    before = (model(x) - expected).square().sum()
    calibrate(model, [x[:32], x[32:]])
    assert (model(x) - expected).square().sum() < before
