"""`snnbench plugins new`, and the tutorial: what they show is what is run here."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from snnbench.cli.main import main
from snnbench.quant import quantize_weights
from snnbench.quant.calibration import calibrate

REPOSITORY = Path(__file__).resolve().parents[2]
TUTORIAL = REPOSITORY / "docs" / "write-a-plugin.md"


@pytest.fixture
def new(tmp_path, monkeypatch, capsys):
    def new(name):
        monkeypatch.setattr("sys.argv", ["snnbench", "plugins", "new", name, "--in", str(tmp_path)])
        return main(), *capsys.readouterr()

    return new


def block(name: str) -> str:
    """The code of the tutorial that is marked with `name`."""
    (code,) = re.findall(rf"<!-- {name} -->\n```python\n(.*?)```", TUTORIAL.read_text("utf-8"), re.DOTALL)
    return code


def own_tests(project: Path, folder: Path, pip_install, python_with) -> str:
    """The last line of the project's own tests, run with the project installed."""
    pip_install(project, folder)
    result = python_with(folder)("-m", "pytest", "-q", "--show-capture=no", cwd=project)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout.splitlines()[-1]


def test_what_is_written(new, tmp_path):
    code, out, _ = new("half-step")
    project = tmp_path / "snnbench-half-step"
    assert code == 0
    assert out == f"Wrote {project}. Next: pip install -e '{project}[test]' && snnbench check half-step\n"
    files = {str(path.relative_to(project)) for path in project.rglob("*") if path.is_file()}
    assert files == {"README.md", "pyproject.toml", "snnbench_half_step/__init__.py", "tests/test_half_step.py"}
    assert "{{" not in "".join((project / path).read_text("utf-8") for path in files)


def test_what_is_written_passes_its_tests(new, tmp_path, pip_install, python_with):
    new("half-step")
    assert "17 passed" in own_tests(tmp_path / "snnbench-half-step", tmp_path / "installed", pip_install, python_with)


@pytest.mark.slow
def test_the_tutorials_plugin_passes_the_tutorials_tests(new, tmp_path, pip_install, python_with):
    new("halve")
    project = tmp_path / "snnbench-halve"
    (project / "snnbench_halve" / "__init__.py").write_text(block("plugin"), "utf-8")
    (project / "tests" / "test_halve.py").write_text(block("test"), "utf-8")
    assert "17 passed" in own_tests(project, tmp_path / "installed", pip_install, python_with)


def test_the_tutorials_levels(monkeypatch):
    module = types.ModuleType("snnbench_halve")
    monkeypatch.setitem(sys.modules, "snnbench_halve", module)
    exec(block("plugin"), vars(module))
    space: dict[str, Any] = {}
    exec(block("test").replace('@parametrize_with_checks("halve")\n', ""), space)
    space["test_levels"]()


def test_the_tutorials_calibration_lowers_the_error_of_the_output():
    space: dict[str, type[nn.Module]] = {}
    exec(block("calibrate"), space)
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(32, 8, bias=False)), torch.randn(64, 32)
    expected = model(x)
    quantize_weights(model, lambda name, weight: space["Weighed"](weight, 3), exempt=())
    before = (model(x) - expected).square().sum()
    calibrate(model, [x[:32], x[32:]])
    assert (model(x) - expected).square().sum() < before


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Halve", "'Halve' is not made of small letters, digits and single hyphens"),
        ("a/b", "'a/b' is not made of small letters"),
        ("lqnet", "quantizer 'lqnet' is there already; choose another name"),
    ],
)
def test_names_that_will_not_do_are_refused(new, name, message):
    code, _, err = new(name)
    assert code == 2
    assert message in err


def test_nothing_is_overwritten(new):
    assert new("snnbench-halve")[0] == 0
    code, _, err = new("halve")
    assert code == 2
    assert "exists already" in err


@pytest.mark.parametrize("name", ["class", "sum", "torch"])
def test_names_of_python_itself_are_spelled_with_an_underscore(new, name, tmp_path):
    new(name)
    module = tmp_path / f"snnbench-{name}" / f"snnbench_{name}" / "__init__.py"
    source = module.read_text("utf-8")
    compile(source, str(module), "exec")
    assert f'return {{"{name}": {name}_}}' in source


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_in_a_clean_environment(new, tmp_path):
    new("halve")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    project = tmp_path / "snnbench-halve"
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment = {**clean, "SNNBENCH_CACHE": str(tmp_path / "cache")}

    def done(*command: object) -> str:
        result = subprocess.run(
            list(map(str, command)), check=False, env=environment, cwd=project, capture_output=True, text=True
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-compile"]
    done(*pip, "-c", REPOSITORY / "constraints.txt", REPOSITORY, f"{project}[test]")
    assert "0 failed" in done(python.with_name("snnbench"), "check", "halve").splitlines()[-1]
    assert "17 passed" in done(python, "-m", "pytest", "-q")
