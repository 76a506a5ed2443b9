"""Running a plan: each cell is claimed, computed, and kept or noted as failed; nothing finished is lost at any end."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from snnbench.errors import RecordError, SnnbenchError
from snnbench.locks import Lock
from snnbench.records import store
from snnbench.records.cell import Cell
from snnbench.records.failures import Failure, Fault
from snnbench.records.record import Record
from snnbench.reporting import Reporter
from snnbench.sweeps.executors.base import Executor
from snnbench.sweeps.progress import Event, EventName, Progress, Ticking, Watcher
from snnbench.sweeps.task import ENGINE, BenchSpec, Measured, Task, TaskOutcome

_TICK_SECONDS = 0.5


class Terminated(KeyboardInterrupt):
    """SIGTERM came."""


@dataclass(frozen=True)
class Policy:
    """What is done about failures.

    Attributes:
        retry_failed: compute cells again that failed in an earlier sweep.
        attempts: how often a cell is tried whose worker died; other failures are never tried again.
    """

    retry_failed: bool = False
    attempts: int = 2


@dataclass
class Sweep:
    """One sweep over `tasks` into the results folder `out`."""

    tasks: Sequence[Task]
    out: Path
    executor: Executor
    watchers: Sequence[Watcher]
    reporter: Reporter
    policy: Policy = field(default_factory=Policy)

    def __post_init__(self) -> None:
        self.progress = Progress(len(self.tasks), self.executor.name)
        self._claims: dict[str, Lock] = {}
        self._attempts: dict[str, int] = {}
        self._old_failures: dict[str, str] = {}
        self._ready: set[BenchSpec] = set()

    def run(self) -> Progress:
        """Run to the end; Ctrl-C and SIGTERM end it early, in order.

        Raises:
            RecordError: if the results folder cannot be written (any more); what was kept before stays.
            SnnbenchError: if a protocol's reference cannot be evaluated.
        """
        store.check_writable(self.out)
        with _terminable():
            try:
                self._begin()
                self._loop()
                self.progress.state = "finished"
            except KeyboardInterrupt as error:
                self.progress.state = "interrupted"
                self.progress.reason = "SIGTERM" if isinstance(error, Terminated) else "Ctrl-C"
                raise
            except SnnbenchError as error:
                self.progress.state, self.progress.reason = "stopped", str(error)
                raise
            finally:
                self._end()
        return self.progress

    def _begin(self) -> None:
        self.progress.slots = self.executor.slots
        self.progress.waiting.extend(self.tasks)
        self.progress.durations.learn(self.out, (task.cell for task in self.tasks))
        self._tell("sweep started")
        if self.policy.retry_failed:
            failures = (store.find_failure(self.out, task.cell) for task in self.tasks)
            self._old_failures = {failure.key: failure.at for failure in failures if failure is not None}
        for _ in self.tasks:
            task = self.progress.waiting.popleft()
            if not self._is_over(task):
                self.progress.waiting.append(task)

    def _loop(self) -> None:
        while self.progress.waiting or self.progress.elsewhere or self.progress.running:
            self._fill()
            outcomes = self.executor.wait(_TICK_SECONDS)
            if not self.progress.running and not outcomes:
                time.sleep(_TICK_SECONDS)  # everything left is being computed by another sweep
            ended = [(outcome, self.progress.end(outcome.key)) for outcome in outcomes]
            try:
                self._fill()  # before the outcomes are kept, so that no worker waits for the disk
            finally:  # it may evaluate a reference for minutes: an end of the sweep in there loses no outcome
                for outcome, task in ended:
                    self._settle(outcome, task)
            self._look_elsewhere()
            self._tick()

    def _fill(self) -> None:
        self.progress.slots = self.executor.slots
        while self.progress.waiting and len(self.progress.running) < self.progress.slots:
            task = self.progress.waiting.popleft()
            if self._claim(task):
                self._start(task)

    def _claim(self, task: Task) -> bool:
        """Whether the cell is ours to compute now; if it is over by now, or another process has it, it is not."""
        if task.cell.key in self._claims:  # a second attempt
            return True
        claim = store.claim(self.out, task.cell)
        if claim is None:
            self.progress.elsewhere[task.cell.key] = task
            self._tell("cell elsewhere", task.cell)
            return False
        if self._is_over(task):
            claim.release()
            return False
        self._claims[task.cell.key] = claim
        return True

    def _is_over(self, task: Task) -> bool:
        """Whether the cell has a record, or a failure that is not to be tried again; damaged records are set aside.

        A record of an engine whose results do not compare is measured again, as `snnbench.run` does.
        """
        try:
            record = store.finished(self.out, task.cell, ENGINE)
        except RecordError as error:
            aside = store.set_aside(self.out, task.cell)
            self._tell("cell damaged", task.cell, f"{error}; set aside as {aside.name}, it is computed again")
            return False
        if record is not None:
            self._reuse(record)
            return True
        failure = store.find_failure(self.out, task.cell)
        if failure is None or self._may_retry(failure):
            return False
        self.progress.failed += 1
        self._tell("cell failed", task.cell, f"{failure.fault.message} (at {failure.at}; --retry tries again)")
        return True

    def _may_retry(self, failure: Failure) -> bool:
        """With ``--retry``, failures that were there when the sweep began are tried again, newer ones are not."""
        return self._old_failures.get(failure.key) == failure.at

    def _reuse(self, record: Record) -> None:
        self.progress.reused += 1
        self.progress.consider(record)
        self._tell("cell reused", record.cell)

    def _start(self, task: Task) -> None:
        self._evaluate_reference(task.bench)
        self._attempts[task.cell.key] = self._attempts.get(task.cell.key, 0) + 1
        self.executor.submit(task)
        self.progress.begin(task)
        self._tell("cell started", task.cell)

    def _evaluate_reference(self, spec: BenchSpec) -> None:
        """Have the reference and the seed floor in the cache before the first cell needs them, once for all workers."""
        if spec not in self._ready:
            spec.open().holding(Ticking(self.reporter, self._tick))
            self._ready.add(spec)

    def _settle(self, outcome: TaskOutcome, task: Task) -> None:
        result = outcome.result
        if isinstance(result, Fault):
            self._fail(task, result)
            return
        self._keep(task.cell, result)
        self._claims.pop(task.cell.key).release()

    def _keep(self, cell: Cell, result: Measured) -> None:
        store.keep(self.out, result.record, result.files)
        self.progress.finished += 1
        self.progress.durations.add(cell, result.record.seconds)
        self.progress.consider(result.record)
        self._tell("cell finished", cell, f"{result.record.seconds:.1f} s")

    def _fail(self, task: Task, fault: Fault) -> None:
        attempts = self._attempts[task.cell.key]
        if fault.kind == "worker" and attempts < self.policy.attempts:
            self.progress.waiting.appendleft(task)
            self._tell("cell retried", task.cell, fault.message)
            return
        cell = task.cell
        store.keep_failure(self.out, cell, Failure.now(cell.key, cell.model_dump(mode="json"), fault, attempts))
        self.progress.failed += 1
        self._tell("cell failed", cell, fault.message)
        self._claims.pop(cell.key).release()

    def _look_elsewhere(self) -> None:
        """See whether the cells of other processes are over; one whose process died is ours again."""
        for key, task in list(self.progress.elsewhere.items()):
            claim = store.claim(self.out, task.cell)
            if claim is not None:
                claim.release()
                del self.progress.elsewhere[key]
                self.progress.waiting.append(task)

    def _tell(self, name: EventName, cell: Cell | None = None, detail: str = "") -> None:
        for watcher in self.watchers:
            watcher.hear(Event(name, cell, detail), self.progress)

    def _tick(self) -> None:
        for watcher in self.watchers:
            watcher.tick(self.progress)

    def _end(self) -> None:
        self.executor.close()
        for claim in self._claims.values():
            claim.release()
        self.progress.running.clear()
        self.progress.since.clear()
        self._tell("sweep ended", detail=self.progress.reason)


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does; only a main thread hears signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: object) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
