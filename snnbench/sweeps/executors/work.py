"""What every executor does with a task: measure the cell within its time, and tell a failure from a result."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache

import scipy.stats  # noqa: F401  (imported late elsewhere, and needed by every cell: once for all workers)
import torch

from snnbench.bench.bench import Bench, cell_identity
from snnbench.bench.run import measure
from snnbench.errors import PluginError, ProtocolError
from snnbench.plugins import catalogue
from snnbench.records.failures import Fault
from snnbench.reporting import Silent
from snnbench.sweeps.executors.base import OpenBench
from snnbench.sweeps.task import BenchSpec, Measured, Task, TaskOutcome


class OutOfTime(BaseException):
    """The cell took longer than it may; no Exception, so that a plugin neither swallows it nor is blamed for it."""


@cache
def held_bench(spec: BenchSpec) -> Bench:
    """The bench of `spec` with its reference, loaded once in a process."""
    return spec.open().holding(Silent())


def perform(
    task: Task,
    threads: int,
    seconds: float | None,
    open_held: OpenBench = held_bench,
    begin: Callable[[], None] = lambda: None,
) -> TaskOutcome:
    """Measure a task's cell; whatever goes wrong in it is its outcome, not an exception.

    Args:
        task: what to measure.
        threads: for PyTorch; fine-tuning has its protocol's number.
        seconds: the time that measuring may take, None for any.
        open_held: how this process gets its bench.
        begin: called when the bench is ready and the time starts to count.
    """
    try:
        torch.set_num_threads(threads)
        bench = open_held(task.bench)
        check_same(task, bench)
        begin()
        with _limited(seconds):
            record, files = measure(bench, task.cell, Silent())
    except OutOfTime as error:
        return TaskOutcome(task.cell.key, replace(Fault.of(error), kind="time", message=str(error)))
    except Exception as error:  # noqa: BLE001  # a plugin may raise anything, and its cell fails alone
        return TaskOutcome(task.cell.key, Fault.of(error))
    return TaskOutcome(task.cell.key, Measured(record, files))


def check_same(task: Task, bench: Bench) -> None:
    """Refuse a cell that this process would measure with other code or data than it was planned with.

    Raises:
        ProtocolError: if the protocol, its data or its weights differ.
        PluginError: if a quantizer comes from another distribution or version.
    """
    mine = cell_identity(bench)
    for name, value in mine.items():
        if getattr(task.cell, name) != value:
            raise ProtocolError(
                f"{name} of protocol '{task.cell.protocol}' differs here from the sweep's; install alike"
            )
    for spec in filter(None, (task.cell.quantizer, task.cell.membrane)):
        source = catalogue().quantizers[spec.name].source
        if (source.distribution, source.results_version) != (spec.distribution, spec.version):
            raise PluginError(
                f"quantizer '{spec.name}' is of {source.distribution} {source.results_version} here,"
                f" of {spec.distribution} {spec.version} in the sweep; install the same version"
            )


@contextmanager
def _limited(seconds: float | None) -> Iterator[None]:
    """Raise `OutOfTime` inside the block after so many seconds; only a main thread can be interrupted so."""
    if seconds is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: object) -> None:
        raise OutOfTime(f"took longer than the {seconds:g} s that a cell may take")

    before = signal.signal(signal.SIGALRM, stop)
    # Again every second: what is raised in a callback of the garbage collector or a finalizer is lost.
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
