"""Executors by name."""

from __future__ import annotations

import math
import os
from contextlib import suppress
from pathlib import Path

from snnbench.errors import OptionError
from snnbench.sweeps.executors.base import Executor, Resources

MOST_WORKERS = 8
"""Workers that ``local`` starts at most: each holds PyTorch and a working set in memory."""


def make_executor(name: str, resources: Resources) -> Executor:
    """The executor that `name` asks for: ``in-process``, ``local[:N]`` or ``ray[://ADDRESS]``.

    Raises:
        OptionError: if there is no such executor, it cannot be had, or it has not the resources.
    """
    slots = slots_of(name)
    kind, _, rest = name.partition(":")
    if kind == "ray":
        from snnbench.sweeps.executors.ray_cluster import RayCluster

        return RayCluster(rest.removeprefix("//") or None, resources)
    if resources.gpus:
        raise OptionError(f"--gpus {resources.gpus:g} is for --executor ray; of a GPU here, take --device cuda")
    threads = max(1, int(resources.cpus or cores() / slots))
    if kind == "local":
        from snnbench.sweeps.executors.local import LocalProcesses

        return LocalProcesses(slots, threads, resources)
    from snnbench.sweeps.executors.in_process import InProcess

    return InProcess(threads, resources)


def slots_of(name: str) -> int:
    """Cells at a time that can be told without starting the executor: those of a cluster are not known before.

    Raises:
        OptionError: if there is no such executor.
    """
    kind, colon, rest = name.partition(":")
    if kind == "local" and (rest or not colon):
        return _workers(name, rest)
    if name in ("in-process", "ray") or (kind == "ray" and rest.startswith("//") and rest != "//"):
        return 1
    raise OptionError(f"--executor {name!r} is not one of in-process, local, local:N, ray or ray://ADDRESS")


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
