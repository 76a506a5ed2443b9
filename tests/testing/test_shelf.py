"""The shelf: each plugin is installed by pip, found by its entry point, and passes its own tests and the kit's."""

from __future__ import annotations

import json
import re
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

SHELF = Path(__file__).resolve().parents[2] / "plugins"
COMMAND = "import sys; from snnbench.cli.main import main; sys.exit(main())"
PLUGINS = sorted(path.parent.name for path in SHELF.glob("*/pyproject.toml"))


def project(name: str) -> dict:
    return tomllib.loads((SHELF / name / "pyproject.toml").read_text("utf-8"))["project"]


def needs(name: str) -> list[str]:
    """What the plugin requires and this environment lacks."""
    names = [
        re.split(r"[<>=~!\[; ]", requirement)[0].replace("-", "_") for requirement in project(name)["dependencies"]
    ]
    return [each for each in names if find_spec(each) is None]


@pytest.mark.slow
@pytest.mark.parametrize("name", PLUGINS)
def test_a_plugin_is_installed_found_and_passes_its_tests(name, tmp_path, pip_install, python_with):
    if needs(name):
        pytest.skip(f"{name} needs {', '.join(needs(name))}")
    folder = tmp_path / "installed"
    pip_install(SHELF / name, folder)
    python = python_with(folder)
    listed = json.loads(python("-c", COMMAND, "plugins", "list", "--json").stdout)
    mine = [row for row in listed if row["distribution"] == name]
    assert mine
    assert {(row["version"], row["status"]) for row in mine} == {(project(name)["version"], "ok")}
    tested = python("-m", "pytest", "-q", "--show-capture=no", SHELF / name / "tests")
    assert tested.returncode == 0, tested.stdout[-3000:]
    for row in mine:
        assert f"`{row['name']}`" in (SHELF / name / "README.md").read_text("utf-8")


@pytest.mark.parametrize("name", PLUGINS)
def test_a_plugin_cites_its_sources(name):
    readme = (SHELF / name / "README.md").read_text("utf-8")
    assert re.search(r"## Sources\n\n- .*\n", readme)
