"""What a cell is measured with: versions, processor, threads and the state of the source tree."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path

import torch

from snnbench.engine import EngineName
from snnbench.records.schema import RecordPart


class Environment(RecordPart):
    """What the cell was measured with; of it, the key has the device, and snnbench's version as `Cell.origin` says."""

    versions: dict[str, str]
    platform: str
    processor: str
    device: str
    engine: EngineName
    threads: int
    git: str | None


def environment(device: str, engine: EngineName) -> Environment:
    """The environment of this process."""
    packages = ("snnbench", "torch", "numpy")
    return Environment(
        versions={"python": platform.python_version(), **{name: metadata.version(name) for name in packages}},
        platform=f"{platform.system()} {platform.machine()}",
        processor=processor(),
        device=device,
        engine=engine,
        threads=torch.get_num_threads(),
        git=git_state(),
    )


@cache
def processor() -> str:
    """The processor's name and its vector instructions, which decide the last bits of a float32 sum."""
    capability: str = torch.backends.cpu.get_cpu_capability()
    return f"{platform.processor() or platform.machine()} {capability}"


@cache
def git_state() -> str | None:
    """Commit of the source tree that snnbench runs from, with ``+`` if it has changes; None outside a checkout."""
    folder = Path(__file__).resolve().parents[2]
    if not (folder / ".git").exists():
        return None
    try:
        commit = _git(folder, "rev-parse", "HEAD").strip()
        return commit + ("+" if _git(folder, "status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *words: str) -> str:
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    command = ["git", "-C", str(folder), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10, env=environment).stdout
