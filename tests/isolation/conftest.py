"""Distributions of one module, built and installed by pip side by side, and the command line that finds them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent

import pytest

COMMAND = "import sys; from snnbench.cli.main import main; sys.exit(main())"
PYPROJECT = """
    [build-system]
    requires = ["hatchling"]
    build-backend = "hatchling.build"
    [project]
    name = "{name}"
    version = "1.0"
    [project.entry-points.snnbench]
    plugin = "{module}"
    [tool.hatch.build.targets.wheel]
    include = ["{module}.py"]
"""
Snnbench = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def installed(tmp_path: Path) -> Callable[[Mapping[str, str]], Snnbench]:
    """``installed({name: source, ...})(*arguments)`` runs ``snnbench`` with these distributions installed."""

    def installed(sources: Mapping[str, str]) -> Snnbench:
        site = tmp_path / "site"
        projects = [_project(tmp_path, name, source) for name, source in sources.items()]
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target", site]
        subprocess.run([*pip, *projects], check=True)
        path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = {**os.environ, "PYTHONPATH": path, "SNNBENCH_CACHE": str(tmp_path / "cache")}

        def snnbench(*arguments: object) -> subprocess.CompletedProcess[str]:
            command = [sys.executable, "-c", COMMAND, *map(str, arguments)]
            return subprocess.run(command, check=False, env=environment, cwd=tmp_path, capture_output=True, text=True)

        return snnbench

    return installed


def _project(folder: Path, name: str, source: str) -> Path:
    project, module = folder / name, name.replace("-", "_")
    project.mkdir()
    (project / f"{module}.py").write_text(dedent(source), "utf-8")
    (project / "pyproject.toml").write_text(dedent(PYPROJECT.format(name=name, module=module)), "utf-8")
    return project
