"""Cells one after the other in this process: for debugging."""

from __future__ import annotations

from snnbench.sweeps.executors.base import Resources
from snnbench.sweeps.executors.work import perform
from snnbench.sweeps.task import Task, TaskOutcome


class InProcess:
    """Computes a task when it is waited for; a crash of a cell is a crash of the sweep."""

    name = "in-process"
    slots = 1

    def __init__(self, threads: int, resources: Resources) -> None:
        self._threads, self._resources = threads, resources
        self._task: Task | None = None

    def submit(self, task: Task) -> None:
        """Remember the task."""
        self._task = task

    def wait(self, seconds: float) -> list[TaskOutcome]:
        """Compute the remembered task, however long it takes."""
        task, self._task = self._task, None
        if task is None:
            return []
        return [perform(task, self._threads, self._resources.seconds)]

    def close(self) -> None:
        """Forget the task."""
        self._task = None
