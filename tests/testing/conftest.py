"""The shelf of plugins, installed by pip as a user would, but into a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def pip_install() -> Callable[[Path, Path], None]:
    """``pip_install(project, folder)`` builds the wheel of a project and installs it, without its dependencies."""

    def pip_install(project: Path, folder: Path) -> None:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
        subprocess.run([*pip, "--disable-pip-version-check", "--target", folder, project], check=True, timeout=100)

    return pip_install


@pytest.fixture
def python_with(tmp_path: Path, new_cache: Callable[[Path], Path]) -> Callable[[Path], Run]:
    """``python_with(folder)(*arguments)`` runs Python with the distributions in `folder` installed."""

    def python_with(folder: Path) -> Run:
        cache = str(new_cache(tmp_path / "cache"))
        environment = {**os.environ, "PYTHONPATH": str(folder), "SNNBENCH_CACHE": cache}

        def run(*arguments: object, cwd: Path = REPOSITORY) -> subprocess.CompletedProcess[str]:
            command = [sys.executable, *map(str, arguments)]
            return subprocess.run(
                command, check=False, env=environment, cwd=cwd, capture_output=True, text=True, timeout=800
            )

        return run

    return python_with
