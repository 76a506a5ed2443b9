"""A board of four entries on digits, measured once; tests that change it get a copy."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import snnbench
from snnbench.cli.main import main
from snnbench.leaderboard import Board, add, read_board

PROTOCOL = "digits-sew8"
CELLS = (("float", None, {}), ("uniform", 4, {"clip": "absmax"}), ("uniform", 2, {"clip": "absmax"}), ("lqnet", 2, {}))


@pytest.fixture(scope="session")
def session_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def results(session_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Directories of finished cells, in the order of `CELLS`."""
    out = tmp_path_factory.mktemp("results")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SNNBENCH_CACHE", str(session_cache))
        return [
            snnbench.run(name, bits, options=options, protocol=PROTOCOL, out=out)[0].directory
            for name, bits, options in CELLS
        ]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs `snnbench` with the words given, in this process; returns its exit code."""

    def run(*words: object) -> int:
        monkeypatch.setattr("sys.argv", ["snnbench", *map(str, words)])
        return main()

    return run


@pytest.fixture(autouse=True)
def cache(session_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNNBENCH_CACHE", str(session_cache))


@pytest.fixture(scope="session")
def filed(results: list[Path], session_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of boards, which no test changes."""
    boards = tmp_path_factory.mktemp("boards")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SNNBENCH_CACHE", str(session_cache))
        for directory in results:
            add(directory, boards)
    return boards


@pytest.fixture
def boards(filed: Path, tmp_path: Path) -> Path:
    """A copy to change."""
    return Path(shutil.copytree(filed, tmp_path / "boards"))


@pytest.fixture
def board(boards: Path) -> Board:
    return read_board(next(boards.iterdir()))


@pytest.fixture(scope="session")
def tuned(session_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Directories of two fine-tuned cells: the control, and lqnet at 2 bits."""
    out = tmp_path_factory.mktemp("tuned")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SNNBENCH_CACHE", str(session_cache))
        return [
            snnbench.run(name, bits, mode="qat", protocol=PROTOCOL, out=out)[0].directory
            for name, bits in (("float", None), ("lqnet", 2))
        ]
