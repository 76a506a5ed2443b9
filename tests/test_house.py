"""The rooms, floors and rules of docs/house.md are those of the tree."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

import snnbench

ROOT = Path(__file__).parents[1]
HOUSE = ROOT / "snnbench"
MODULES = [path for path in sorted(HOUSE.rglob("*.py")) if "template" not in path.parts]
PAGE = (ROOT / "docs" / "house.md").read_text("utf-8")

# Parameters of commands, which take the names of what they stand for; nobody imports them as types.
PARAMETERS = HOUSE / "cli" / "parameters.py"

# What has no module to be named after: files around the code, and what only whole distributions can show.
WHOLE = {
    "test_docs",
    "test_hostile_input",
    "test_house",
    "test_licences",
    "test_pages",
    "test_tooling",
    "isolation/test_in_the_middle",
    "isolation/test_installed",
    "isolation/test_sweep",
    "leaderboard/test_contributing",
    "leaderboard/test_published",
    "testing/test_tutorial",
}


def floors() -> list[set[str]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    (contract,) = project["tool"]["importlinter"]["contracts"]
    assert contract["exhaustive"]
    return [set(re.findall(r"\w+", layer)) for layer in contract["layers"]][1:]  # under __main__


def listed() -> list[tuple[int, str]]:
    return [(int(floor), room) for floor, room in re.findall(r"^\| (\d+) \| `(\w+)` \|", PAGE, re.MULTILINE)]


def test_the_page_has_the_rooms_of_the_tree() -> None:
    folders = {path.parent.name for path in HOUSE.glob("*/__init__.py")}
    files = {path.stem for path in HOUSE.glob("*.py") if not path.stem.startswith("__")}
    assert sorted(room for _, room in listed()) == sorted(folders | files)


def test_the_page_has_the_floors_of_the_contract() -> None:
    wanted = [(number, rooms) for number, rooms in enumerate(floors(), 1)]
    found: dict[int, set[str]] = defaultdict(set)
    for floor, room in listed():
        found[floor].add(room)
    assert sorted(found.items()) == wanted


def test_every_file_that_the_page_names_is_there() -> None:
    named = {name for name in re.findall(r"`([\w/]+\.py|[\w/]+/)`", PAGE) if not name.startswith("test_")}
    assert named
    assert [name for name in sorted(named) if not (HOUSE / name).exists() and not (ROOT / name).exists()] == []


def test_no_public_name_is_a_module() -> None:
    """An imported submodule is an attribute of its package and hides a name that loads on first use."""
    assert set(snnbench.__all__) & {room for _, room in listed()} == set()


def public_types(path: Path) -> Iterator[str]:
    """Classes and type aliases: names in CamelCase that a module binds at its top level."""
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


def with_several_homes(modules: list[Path]) -> dict[str, list[Path]]:
    """Public types that more than one of the modules defines."""
    homes: dict[str, list[Path]] = defaultdict(list)
    for path in modules:
        for name in public_types(path):
            if name[0].isupper() and not name.isupper():
                homes[name].append(path)
    return {name: places for name, places in homes.items() if len(places) > 1}


def test_a_public_type_has_one_home() -> None:
    assert with_several_homes([path for path in MODULES if path != PARAMETERS]) == {}


def test_a_second_home_is_found(tmp_path: Path) -> None:
    second = tmp_path / "second.py"
    second.write_text("class Record: ...\n\n\nEngine = str\n\nWORD = 1\n", "utf-8")
    assert set(with_several_homes([*MODULES, second])) >= {"Record", "Engine"}


@pytest.mark.parametrize("word", ["engine", "plan", "verification", "evidence"])
def test_a_word_names_one_module(word: str) -> None:
    assert [path.stem for path in MODULES].count(word) == 1


ADDED = re.findall(r"^\| ([^|`]+) \| ([^|]*`[^|]+) \|$", PAGE.partition("## To add")[2], re.MULTILINE)


def test_the_page_says_how_everything_is_added() -> None:
    wanted = {"quantizer", "metric", "column of boards", "protocol", "network family", "neuron", "engine"}
    assert {what for what, _ in ADDED} >= wanted | {"library whose networks are recorded", "cost, of a chip too"}


@pytest.mark.parametrize(("what", "touch"), ADDED)
def test_nothing_that_is_added_touches_more_than_two_files(what: str, touch: str) -> None:
    files = re.findall(r"`(\w+\.py|\w[\w/]*/(?:\w+\.py)?)`", touch)
    assert 1 <= len(files) <= 2


def test_public_types_are_counted() -> None:
    assert {"Engine", "EngineName", "EngineChoice", "M"} <= set(public_types(HOUSE / "engine.py"))
    assert "Record" in set(public_types(HOUSE / "records" / "record.py"))


TESTS = sorted(
    path.relative_to(ROOT / "tests").with_suffix("").as_posix() for path in (ROOT / "tests").rglob("test_*.py")
)


@pytest.mark.parametrize("test", [test for test in TESTS if test not in WHOLE])
def test_a_test_is_named_after_its_module(test: str) -> None:
    *_, name = test.split("/")
    words = name.removeprefix("test_").split("_")
    stems = {path.stem for path in MODULES} | {path.parent.name for path in MODULES if path.stem == "__init__"}
    beginnings = {"_".join(words[:count]) for count in range(1, len(words) + 1)}
    assert beginnings & stems, f"{test}.py: no module is called {', '.join(sorted(beginnings))}"


def test_what_has_no_module_is_there() -> None:
    assert set(TESTS) >= WHOLE


def constants(path: Path) -> Iterator[str]:
    """Strings of a module that are no docstrings."""
    tree = ast.parse(path.read_text("utf-8"))
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone:
            yield node.value


@pytest.mark.parametrize("metric", ["firing_emd", "firing_drift"])
def test_a_metric_is_spelled_in_its_table_alone(metric: str) -> None:
    """And in protocol documents; `__all__` of a package names the function that computes it."""
    homes = {
        path.relative_to(HOUSE).as_posix()
        for path in MODULES
        if any(re.fullmatch(rf"{metric}\w*", each) for each in constants(path))
    }
    assert homes - {"functional/__init__.py"} <= {"bench/metrics.py", "protocols/document.py"}
    assert "bench/metrics.py" in homes
