"""Every command and every piece of Python in the documentation is run, and what it prints is what the page says.

A page is run from top to bottom in a folder of its own, beside a copy of the boards of digits. `console` blocks hold
commands and their output, where `...` stands for anything; `sh` blocks are not run, and a comment before them says why.
"""

from __future__ import annotations

import re
import shlex
import shutil
import sys
import textwrap
from pathlib import Path
from unittest import SkipTest

import pytest
from sybil import Sybil
from sybil.example import Example
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser, SkipParser

from snnbench.cli.main import main

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
ELSEWHERE = {
    "own-network.md": "own/test_own_docs.py",
    "write-a-plugin.md": "testing/test_tutorial.py",
}
PAGES = [path for path in sorted(DOCS.rglob("*.md")) if path.name not in ELSEWHERE]


def matches(expected: str, printed: str) -> bool:
    """Whether `printed` is `expected`, line by line; a line `...` stands for any lines."""
    lines = textwrap.dedent(expected).splitlines()
    pattern = "".join(
        r"(?:.*\n)?" if line == "..." else re.escape(line).replace(r"\.\.\.", ".*?") + r" *\n" for line in lines
    )
    return re.fullmatch(pattern, printed, re.DOTALL) is not None


def commands(block: str) -> list[tuple[str, str]]:
    parts = re.split(r"^\$ ", block, flags=re.MULTILINE)
    assert parts[0] == "", f"a console block begins with '$ ': {block}"
    return [(command, output) for command, _, output in (part.partition("\n") for part in parts[1:])]


def refuse(example: Example) -> str:
    return f"{example.path}:{example.line}: is not run, and no comment '<!--- skip: next \"why\" -->' says why"


@pytest.fixture
def console(capsys, monkeypatch):
    """Runs the commands of a `console` block, as the shell would."""

    def run(example: Example) -> str | None:
        for command, expected in commands(example.parsed):
            program, *words = [
                each for word in shlex.split(command) for each in sorted(map(str, Path().glob(word))) or [word]
            ]
            assert program == "snnbench"
            monkeypatch.setattr(sys, "argv", [program, *words])
            capsys.readouterr()
            code = main()
            printed, told = capsys.readouterr()
            if code and expected.startswith("Error:"):
                printed = told
            assert matches(expected, printed), f"{example.path}:{example.line}: $ {command}\n{printed}{told}"
            assert code == 0 or expected.startswith("Error:"), told
        return None

    return run


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_what_the_page_says_is_so(page, console, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    for board in ROOT.glob("leaderboards/digits-*"):
        shutil.copytree(board, tmp_path / "leaderboards" / board.name)
    parsers = [
        PythonCodeBlockParser(),
        CodeBlockParser("console", evaluator=console),
        CodeBlockParser("sh", evaluator=refuse),
        SkipParser(),
    ]
    document = Sybil(parsers, path=str(DOCS)).parse(page)
    for example in document.examples():
        try:
            example.evaluate()
        except SkipTest:
            continue


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        ("a\n", "a\n", True),
        ("a\n", "b\n", False),
        ("a\n...\nc\n", "a\nb\nb\nc\n", True),
        ("a\n...\n", "a\n", True),
        ("a\n", "a\nb\n", False),
        ("...\nc\n", "b\n", False),
    ],
)
def test_dots_stand_for_any_lines(expected, printed, same):
    assert matches(expected, printed) == same


def test_pages_that_other_tests_run_are_there():
    assert all((DOCS / page).exists() and (ROOT / "tests" / test).exists() for page, test in ELSEWHERE.items())
