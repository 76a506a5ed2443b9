"""The recipe of the contributing page, run in a scratch repository: it passes an honest row and nothing else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from oracles.shipped import BOARDS, DIGITS, needs_boards

from snnbench.leaderboard import read_board, write_tables
from snnbench.leaderboard.sums import write_sums

CHECKOUT = BOARDS.parent
PAGE = CHECKOUT / "docs" / "contributing-a-row.md"
NEW = "lqnet-4bit-ptq-seed0"

STEPS = ("worktree", "verify", "table", "diff")
KEPT = ("float", "lqnet-2bit", "lqnet-4bit", "uniform-4bit")

pytestmark = [pytest.mark.slow, needs_boards]


def steps() -> list[str]:
    """The commands of the recipe, but for the installation."""
    found = re.findall(r"^ *- run: (.*)$", PAGE.read_text(), re.MULTILINE)
    assert [step.split()[0] for step in found] == ["git", "pip", "snnbench", "snnbench", "git"]
    return [step.replace("${{ github.base_ref }}", "main") for step in found if not step.startswith("pip ")]


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., int]:
    """Run a command in the contributor's clone; returns the exit code."""
    programs = tmp_path / "bin"
    programs.mkdir()
    snnbench = programs / "snnbench"
    snnbench.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m snnbench "$@"\n')
    snnbench.chmod(0o755)
    who = {f"GIT_{role}_{part}": "a@b" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
    environment = {**os.environ, **who, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    environment["PYTHONPATH"] = os.pathsep.join([str(CHECKOUT), os.environ.get("PYTHONPATH", "")])

    def run(command: str, folder: str = "clone") -> int:
        words = ["sh", "-c", command]
        return subprocess.run(
            words, check=False, cwd=tmp_path / folder, env=environment, capture_output=True
        ).returncode

    return run


@pytest.fixture
def board(tmp_path: Path, run: Callable[..., int]) -> Path:
    """The board in the clone of a contributor who has added a row to it, on a branch, uncommitted."""
    origin = tmp_path / "origin"
    folder = Path(shutil.copytree(DIGITS, origin / "leaderboards" / DIGITS.name))
    for entry in folder.glob("entries/*"):
        if not entry.name.startswith(KEPT):
            shutil.rmtree(entry)
    (row,) = folder.glob(f"entries/{NEW}*")
    shutil.move(row, tmp_path)
    write_tables(read_board(folder))
    assert run("git init -qb main && git add . && git commit -qm base", "origin") == 0
    assert run("git clone -q origin clone && git -C clone checkout -qb row", ".") == 0
    clone = tmp_path / "clone" / "leaderboards" / DIGITS.name
    shutil.move(tmp_path / row.name, clone / "entries")
    write_tables(read_board(clone))
    return clone


def honest(board: Path) -> None:
    del board


def better(board: Path) -> None:
    """A better score in the new row, with sums to match."""
    (row,) = board.glob(f"entries/{NEW}*")
    record = row / "record.json"
    text = re.sub(r'("firing_emd": {\s*"value": 0\.00)\d', r"\g<1>0", record.read_text(), count=1)
    assert text != record.read_text()
    record.write_text(text)
    write_sums(row)
    write_tables(read_board(board))


def typed(board: Path) -> None:
    """A number typed into a table."""
    table = board / "table.md"
    table.write_text(table.read_text().replace("98.89", "98.99"))


def gone(board: Path) -> None:
    """Somebody else's row left out."""
    shutil.rmtree(next(board.glob("entries/lqnet-2bit*")))
    write_tables(read_board(board))


def moved(board: Path) -> None:
    """Somebody else's row measured again, and in the way of the first."""
    (row,) = board.glob("entries/lqnet-2bit*")
    record = row / "record.json"
    record.write_text(re.sub(r'"seconds": \S+', '"seconds": 1.5', record.read_text()))
    write_sums(row)


@pytest.mark.parametrize(
    ("edit", "failing"), [(honest, None), (better, "verify"), (typed, "table"), (gone, "diff"), (moved, "diff")]
)
def test_the_recipe(board: Path, run: Callable[..., int], edit: Callable[[Path], None], failing: str | None) -> None:
    edit(board)
    assert run("git add . && git commit -qm row") == 0
    codes = {name: run(step) for name, step in zip(STEPS, steps(), strict=True)}
    assert codes == {name: int(name == failing) for name in STEPS}
