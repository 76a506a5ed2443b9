"""The files around the code agree with each other and with the code."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from configparser import ConfigParser
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import snnbench

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
CONSTRAINTS = [line for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines() if not line.startswith("#")]


def canonical(requirement: str) -> str:
    return canonicalize_name(Requirement(requirement).name)


def readme_command(name: str) -> str:
    readme = (ROOT / "README.md").read_text("utf-8")
    (block,) = re.findall(rf"^<!-- {name} -->\n```sh\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    return block


@pytest.mark.parametrize(("name", "end"), [("run", "/snnbench run --quantizer lqnet"), ("test", "/tox p")])
def test_the_readme_has_each_command_in_one_line(name, end):
    command = readme_command(name)
    assert command.count("\n") == 1
    assert command.rstrip().endswith(end)
    assert "-c constraints.txt" in command
    assert "-e ." not in command


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize("code", [0, 1, 5])
def test_ci_runs_the_readmes_test_command_and_fails_as_it_fails(tmp_path, code):
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    command = f'echo "the cache is ${{SNNBENCH_CACHE:?}}" && exit {code}'
    readme = (ROOT / "README.md").read_text("utf-8").replace(readme_command("test").rstrip(), command)
    (tmp_path / "README.md").write_text(readme, "utf-8")
    told = subprocess.run(["bash", tmp_path / ".ci" / "run"], capture_output=True, text=True, check=False, timeout=100)
    assert told.returncode == code, told.stderr
    assert told.stdout.startswith(f"+ {command}\nthe cache is /")


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_ci_fails_without_a_test_command(tmp_path):
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    (tmp_path / "README.md").write_text("# snnbench\n", "utf-8")
    told = subprocess.run(["bash", tmp_path / ".ci" / "run"], capture_output=True, text=True, check=False, timeout=100)
    assert told.returncode == 1
    assert "README.md has no test command" in told.stderr


def test_ci_can_be_executed():
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_constraints_are_exact_sorted_and_name_no_place():
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9.-]*==[0-9][a-z0-9.]*", line) for line in CONSTRAINTS)
    assert sorted(set(CONSTRAINTS)) == CONSTRAINTS
    assert "torch==2.13.0" in CONSTRAINTS


def direct_requirements() -> list[str]:
    project = PROJECT["project"]
    groups = [*PROJECT["dependency-groups"].values(), *project["optional-dependencies"].values()]
    lists = [project["dependencies"], PROJECT["build-system"]["requires"], *groups, ["tox", "spikingjelly"]]
    return sorted(
        {canonical(requirement) for listed in lists for requirement in listed if isinstance(requirement, str)}
    )


@pytest.mark.parametrize("name", direct_requirements())
def test_constraints_cover_every_direct_requirement(name):
    assert name in {canonical(line) for line in CONSTRAINTS}


def test_the_oldest_releases_are_those_that_the_project_asks_for():
    lines = (ROOT / "tests" / "oldest.txt").read_text("utf-8").splitlines()
    oldest = {canonical(line): line.partition("==")[2] for line in lines if not line.startswith("#")}
    project = PROJECT["project"]
    extras = [each for name, listed in project["optional-dependencies"].items() if name != "ray" for each in listed]
    asked = {canonical(line): line.partition(">=")[2] for line in [*project["dependencies"], *extras]}
    assert oldest.keys() == asked.keys()
    assert [name for name in asked if not f"{oldest[name]}.".startswith(f"{asked[name]}.")] == ["torch"]


def test_constraints_cover_what_the_requirements_require():
    pinned = {canonical(line) for line in CONSTRAINTS}
    waiting, seen = ["snnbench"], set()
    while waiting:
        name = waiting.pop()
        seen.add(name)
        required = [line for line in metadata.requires(name) or () if ";" not in line]
        waiting += [needed for needed in map(canonical, required) if needed not in seen]
    assert seen - pinned == {"snnbench"}


def test_the_changelog_tells_of_this_version():
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert re.search(rf"^## {re.escape(snnbench.__version__)}\b", changelog, re.MULTILINE)


def test_the_installed_version_is_the_codes():
    assert metadata.version("snnbench") == snnbench.__version__


def test_tox_installs_nothing_without_the_constraints():
    tox = ConfigParser()
    tox.read(ROOT / "tox.ini", "utf-8")
    installs = [line for section in tox.sections() for _, text in tox.items(section) for line in text.splitlines()]
    installs = [line for line in installs if "pip install" in line]
    assert installs
    pinned = [line for line in installs if "-c {tox_root}{/}constraints.txt" in line]
    assert [line for line in installs if line not in pinned] == [tox["testenv:oldest"]["install_command"]]


def test_tox_runs_every_group_of_requirements():
    tox = ConfigParser()
    tox.read(ROOT / "tox.ini", "utf-8")
    used = {word for section in tox.sections() for word in tox[section].get("dependency_groups", "").split()}
    assert used == set(PROJECT["dependency-groups"])


def test_only_the_readme_names_a_registry_and_it_is_pytorchs():
    names = ["constraints.txt", "tox.ini", "pyproject.toml", ".ci/run", "README.md"]
    texts = [(name, (ROOT / name).read_text("utf-8")) for name in names]
    found = [(name, *re.findall(r"index-url|find-links|https?://\S*(?:pypi|whl)\S*", text)) for name, text in texts]
    assert [each for each in found if each[1:]] == [("README.md", "https://download.pytorch.org/whl/cpu`:")]
