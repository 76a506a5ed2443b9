"""Worker processes on this machine, each with its share of the cores."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from snnbench.records.failures import Fault
from snnbench.sweeps.executors.base import Resources
from snnbench.sweeps.executors.forking import without_script, worker_context
from snnbench.sweeps.executors.worker import work
from snnbench.sweeps.task import Task, TaskOutcome

# A cell that does not notice that its time is over, deep in compiled code, is killed after so many seconds more.
GRACE_SECONDS = 5.0
_KILLED = -9


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection
    task: Task | None = None
    deadline: float = float("inf")


class LocalProcesses:
    """`workers` processes that live as long as the sweep; one that dies is replaced, and its cell comes back failed."""

    def __init__(self, workers: int, threads: int, resources: Resources) -> None:
        self.name = f"local:{workers}"
        self.slots = workers
        self._threads, self._seconds = threads, resources.seconds
        self._context = worker_context(threads)
        self._workers: list[_Worker] = []

    def submit(self, task: Task) -> None:
        """Send the task to an idle worker, or to a new one."""
        worker = next((worker for worker in self._workers if worker.task is None), None)
        if worker is None:
            worker = self._start()
        worker.task = task
        try:
            worker.pipe.send(task)
        except BrokenPipeError:  # it died idle: `wait` finds out and says so
            return

    def wait(self, seconds: float) -> list[TaskOutcome]:
        """Outcomes, and deaths, of workers."""
        busy = {worker.pipe: worker for worker in self._workers if worker.task is not None}
        soonest = min((worker.deadline for worker in busy.values()), default=float("inf"))
        ready = wait(list(busy), max(0.0, min(seconds, soonest - time.monotonic())))
        heard = [self._receive(busy[pipe]) for pipe in ready if isinstance(pipe, Connection)]
        outcomes = [outcome for outcome in heard if outcome is not None]
        now = time.monotonic()
        late = [worker for worker in self._workers if worker.task is not None and worker.deadline < now]
        return outcomes + [self._kill_late(worker) for worker in late]

    def close(self) -> None:
        """Kill all workers."""
        for worker in self._workers:
            worker.process.kill()
        while self._workers:
            self._bury(self._workers[-1])

    def _start(self) -> _Worker:
        mine, theirs = self._context.Pipe()
        order = (theirs, self._threads, self._seconds, dict(os.environ))
        process = self._context.Process(target=work, args=order, daemon=True)
        with without_script():
            process.start()
        theirs.close()
        self._workers.append(_Worker(process, mine))
        return self._workers[-1]

    def _receive(self, worker: _Worker) -> TaskOutcome | None:
        assert worker.task is not None
        try:
            outcome: TaskOutcome | str = worker.pipe.recv()
        except (EOFError, OSError):
            return TaskOutcome(worker.task.cell.key, self._autopsy(worker))
        if isinstance(outcome, str):
            worker.deadline = time.monotonic() + (self._seconds or float("inf")) + GRACE_SECONDS
            return None
        worker.task, worker.deadline = None, float("inf")
        return outcome

    def _autopsy(self, worker: _Worker) -> Fault:
        code = self._bury(worker)
        guess = " (by the kernel if memory ran out)" if code == _KILLED else ""
        how = f"was killed by signal {-code}{guess}" if code < 0 else f"ended with exit code {code}"
        return Fault("worker", f"the worker process {how}", host=platform.node())

    def _kill_late(self, worker: _Worker) -> TaskOutcome:
        assert worker.task is not None
        worker.process.kill()
        self._bury(worker)
        message = f"took longer than the {self._seconds:g} s that a cell may take, and had to be killed"
        return TaskOutcome(worker.task.cell.key, Fault("time", message, host=platform.node()))

    def _bury(self, worker: _Worker) -> int:
        """Wait for the end of a worker that is dying, and forget it; returns its exit code."""
        self._workers.remove(worker)
        worker.process.join()
        worker.pipe.close()
        return worker.process.exitcode or 0
