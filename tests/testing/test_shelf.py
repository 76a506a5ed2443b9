"""The shelf: each plugin is installed by pip, found by its entry point, and passes its own tests and the kit's."""

from __future__ import annotations

import json
import math
import re
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

SHELF = Path(__file__).resolve().parents[2] / "plugins"
COMMAND = "import sys; from snnbench.cli.main import main; sys.exit(main())"
PLUGINS = sorted(path.parent.name for path in SHELF.glob("*/pyproject.toml"))
WITHOUT_QUANTIZERS = {"snnbench-fashion-mnist", "snnbench-loihi", "snnbench-spikingjelly"}


def project(name: str) -> dict:
    return tomllib.loads((SHELF / name / "pyproject.toml").read_text("utf-8"))["project"]


def needs(name: str) -> list[str]:
    """What the plugin requires and this environment lacks."""
    names = [
        re.split(r"[<>=~!\[; ]", requirement)[0].replace("-", "_") for requirement in project(name)["dependencies"]
    ]
    return [each for each in names if find_spec(each) is None]


@pytest.fixture
def shelved(name, tmp_path, pip_install, python_with):
    """Python with the plugin `name` installed, and the rows that ``plugins list`` has of it."""
    if needs(name):
        pytest.skip(f"{name} needs {', '.join(needs(name))}")
    pip_install(SHELF / name, tmp_path / "installed")
    python = python_with(tmp_path / "installed")
    listed = json.loads(python("-c", COMMAND, "plugins", "list", "--json").stdout)
    return python, [row for row in listed if row["distribution"] == name]


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", PLUGINS)
def test_a_plugin_is_installed_found_and_passes_its_tests(name, shelved):
    python, mine = shelved
    assert mine
    assert {(row["version"], row["status"]) for row in mine} == {(project(name)["version"], "ok")}
    tested = python("-m", "pytest", "-q", "--show-capture=no", SHELF / name / "tests")
    assert tested.returncode == 0, tested.stdout[-3000:]
    for row in mine:
        assert f"`{row['name']}`" in (SHELF / name / "README.md").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", PLUGINS)
def test_its_quantizers_are_fine_tuned_and_hold_what_they_declare(name, shelved, tmp_path):
    python, mine = shelved
    quantizers = ",".join(row["name"] for row in mine if row["kind"] == "quantizer")
    if not quantizers:
        pytest.skip(f"{name} has no quantizer")
    where = ["float", "--membrane", quantizers] if name == "snnbench-membrane" else [quantizers]
    sweep = ["sweep", "--mode", "qat", "-p", "digits-sew8", "--executor", "in-process", "--out", tmp_path, "-q", *where]
    ended = python("-c", COMMAND, *sweep)
    assert ended.returncode == 0, ended.stderr[-3000:]
    records = [json.loads(path.read_text("utf-8")) for path in tmp_path.rglob("record.json")]
    assert len(records) == len(quantizers.split(","))
    for record in records:
        assert record["audit"]["findings"] == []
        assert all(math.isfinite(epoch["loss"]) for epoch in record["training_log"])
    assert len(list(tmp_path.rglob("weights.safetensors"))) == len(records)


@pytest.mark.parametrize("name", PLUGINS)
def test_a_plugin_cites_its_sources(name):
    readme = (SHELF / name / "README.md").read_text("utf-8")
    assert re.search(r"## Sources\n\n- .*\n", readme)


@pytest.mark.parametrize("name", PLUGINS)
def test_the_list_of_the_shelf_names_a_plugin_and_what_it_adds(name):
    (row,) = re.findall(rf"^\| \[{name}\]\({name}\) \|.*$", (SHELF / "README.md").read_text("utf-8"), re.MULTILINE)
    assert re.findall("`(.+?)`", row) == commanded(name, "chips show|check")


def commanded(name: str, command: str) -> list[str]:
    """What the plugin's README says to check, or of its chips to show: everything that it adds."""
    readme = (SHELF / name / "README.md").read_text("utf-8")
    return re.findall(rf"^snnbench (?:{command}) (\S+)", readme, re.MULTILINE)


@pytest.mark.parametrize("name", [name for name in PLUGINS if name not in WITHOUT_QUANTIZERS])
@pytest.mark.parametrize("protocol", ["digits-sew8", "cifar10-sew8"])
def test_the_result_of_each_quantizer_is_shown_or_said_to_be_missing(name, protocol):
    readme = (SHELF / name / "README.md").read_text("utf-8")
    row = rf"^\| {protocol}-v\d+ \| `(.+?)` \| \d \| (?:\d+\.\d\d|not measured yet) \|"
    shown = re.findall(row, readme, re.MULTILINE)
    assert sorted(shown) == sorted(commanded(name, "check"))
