"""The one interface of executors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from snnbench.sweeps.task import BenchSpec, Task, TaskOutcome

if TYPE_CHECKING:
    from snnbench.bench.bench import Bench

OpenBench = Callable[[BenchSpec], "Bench"]
"""The bench of a spec with its reference in memory; opened at most once a process."""


@dataclass(frozen=True)
class Resources:
    """What one cell gets: a number of CPUs and GPUs (fractions are shares), and seconds, None for no limit."""

    cpus: float | None = None
    gpus: float = 0.0
    seconds: float | None = None


class Executor(Protocol):
    """Computes tasks; each submitted task comes back from `wait` once, however it ended.

    Tasks touch no results folder: whoever submits them keeps what comes back.
    """

    name: str

    @property
    def slots(self) -> int:
        """How many tasks can be computed at a time; may change while a cluster grows or shrinks."""

    def submit(self, task: Task) -> None:
        """Start a task; there is a free slot."""

    def wait(self, seconds: float) -> list[TaskOutcome]:
        """The tasks that have ended; waits up to `seconds` for the first of them."""

    def close(self) -> None:
        """Stop whatever is under way and let go of all processes."""
