"""Executors by name."""

from __future__ import annotations

import math
import os
from contextlib import suppress
from pathlib import Path

from snnbench.bench.executors.base import Executor, Resources
from snnbench.errors import OptionError

MOST_WORKERS = 8
"""Workers that ``local`` starts at most: each holds PyTorch and a working set in memory."""


def make_executor(name: str, resources: Resources) -> Executor:
    """The executor that `name` asks for: ``in-process``, ``local[:N]`` or ``ray[://ADDRESS]``.

    Raises:
        OptionError: if there is no such executor, or it cannot be had.
    """
    kind, _, rest = name.partition(":")
    if name == "in-process":
        from snnbench.bench.executors.in_process import InProcess

        return InProcess(int(resources.cpus or cores()), resources)
    if kind == "local":
        from snnbench.bench.executors.local import LocalProcesses

        workers = _workers(name, rest)
        return LocalProcesses(workers, max(1, int(resources.cpus or cores() / workers)), resources)
    if kind == "ray":
        from snnbench.bench.executors.ray_cluster import RayCluster

        return RayCluster(rest.removeprefix("//") or None, resources)
    raise OptionError(f"--executor {name!r} is not one of in-process, local:N, ray or ray://ADDRESS")


def slots_of(name: str) -> int:
    """Cells at a time that can be told without starting the executor: those of a cluster are not known before.

    Raises:
        OptionError: as `make_executor`.
    """
    kind, _, rest = name.partition(":")
    return _workers(name, rest) if kind == "local" else 1


def cores() -> int:
    """Cores that this process may use: those of the machine, or what its container is allowed."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, math.ceil(min(there, _quota())))


def _quota(limits: Path = Path("/sys/fs/cgroup/cpu.max")) -> float:
    """Cores that the control group may keep busy; infinite where it has no limit."""
    with suppress(OSError, ValueError):  # ValueError: the limit is the word max
        quota, period = limits.read_text("ascii").split()
        return int(quota) / int(period)
    return math.inf


def _workers(name: str, count: str) -> int:
    if name == "local":
        return min(cores(), MOST_WORKERS)
    if not count.isdigit() or int(count) < 1:
        raise OptionError(f"--executor {name!r}: the number of workers is a whole number from 1, as in local:4")
    return int(count)
