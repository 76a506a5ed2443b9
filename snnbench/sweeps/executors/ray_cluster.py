"""Cells as tasks of a Ray cluster; its nodes need snnbench and the plugins, but neither data nor a shared folder."""

from __future__ import annotations

import faulthandler
import os
import re
from dataclasses import replace
from functools import cache, partial
from typing import Any

from snnbench.bench.bench import Bench
from snnbench.data import Embedded
from snnbench.data.layouts import Arrays
from snnbench.errors import OptionError
from snnbench.records.failures import FailureKind, Fault
from snnbench.reporting import Silent
from snnbench.sweeps.executors.base import Resources
from snnbench.sweeps.task import BenchSpec, Task, TaskOutcome

# A cell that does not notice that its time is over, deep in compiled code, ends with its worker so many seconds later.
GRACE_SECONDS = 5.0
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class RayCluster:
    """Computes tasks on the cluster at `address` (None: the one of RAY_ADDRESS, else a new one on this machine)."""

    name = "ray"

    def __init__(self, address: str | None, resources: Resources) -> None:
        self._ray = ray = _import_ray()
        self._resources = resources
        self._cpus = resources.cpus or 1.0
        self._threads = max(1, int(self._cpus))
        _connect(ray, address)
        try:
            self._check_nodes()
        except OptionError:
            ray.shutdown()
            raise
        share = {"num_cpus": self._cpus, "num_gpus": resources.gpus}
        self._work = ray.remote(_perform).options(**share, max_retries=0, scheduling_strategy="SPREAD")
        self._benches: dict[tuple[BenchSpec, bool], Any] = {}
        self._tasks: dict[Any, Task] = {}

    @property
    def slots(self) -> int:
        """As many tasks as the nodes that are up have room for."""
        return max(1, self._room())

    def submit(self, task: Task) -> None:
        """Start the task; its bench is put into the cluster's memory the first time."""
        key = (task.bench, task.cell.mode == "qat")
        if key not in self._benches:
            self._benches[key] = self._ray.put(portable_bench(*key))
        shared = [self._benches[key]]  # in a list, so that a worker fetches it once and not for every task
        self._tasks[self._work.remote(task, shared, self._threads, self._resources.seconds)] = task

    def wait(self, seconds: float) -> list[TaskOutcome]:
        """The outcomes of tasks that have ended, among them those whose worker or node died."""
        if not self._tasks:
            return []
        ready, _ = self._ray.wait(list(self._tasks), num_returns=len(self._tasks), timeout=0)
        if not ready:
            ready, _ = self._ray.wait(list(self._tasks), num_returns=1, timeout=seconds)
        return [self._outcome(reference) for reference in ready]

    def close(self) -> None:
        """Cancel what is under way and leave the cluster."""
        for reference in self._tasks:
            self._ray.cancel(reference, force=True)
        self._tasks.clear()
        self._ray.shutdown()

    def _outcome(self, reference: Any) -> TaskOutcome:
        task, errors = self._tasks.pop(reference), self._ray.exceptions
        try:
            outcome: TaskOutcome = self._ray.get(reference)
        except errors.RayError as error:
            kind: FailureKind = "memory" if isinstance(error, errors.OutOfMemoryError) else "worker"
            message = f"{type(error).__name__}: {_said(error)}"
            return TaskOutcome(task.cell.key, replace(Fault.of(error), kind=kind, message=message))
        return outcome

    def _room(self) -> int:
        """Cells that fit into the nodes that are up."""
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        return sum(_fitting(have.get("CPU", 0), have.get("GPU", 0), self._cpus, self._resources.gpus) for have in nodes)

    def _check_nodes(self) -> None:
        """Refuse a cluster without snnbench, or without a node that has room for a cell: it would wait for ever."""
        if not self._room():
            want = f"{self._cpus:g} CPUs and {self._resources.gpus:g} GPUs"
            raise OptionError(f"no node of the Ray cluster has {want} for a cell; change --cpus or --gpus")
        try:
            self._ray.get(self._ray.remote(_import).options(num_cpus=0, max_retries=0).remote())
        except self._ray.exceptions.RayError as error:
            message = f"{_said(error)}; install the same version, and the plugins, on every node"
            raise OptionError(f"the Ray cluster cannot run snnbench: {message}") from error


def _fitting(cpus: float, gpus: float, cpus_each: float, gpus_each: float) -> int:
    shares = [cpus / cpus_each] + ([gpus / gpus_each] if gpus_each else [])
    return int(min(shares) + 1e-9)  # 0.3 / 0.1 is a little less than 3


def _said(error: Exception) -> str:
    """What an error of Ray says in its last line; above it lies a traceback, coloured."""
    lines = _COLOURS.sub("", str(error)).strip().splitlines()
    return lines[-1] if lines else type(error).__name__


def _import() -> None:
    """Nothing, where this module can be imported."""


class Shipped:
    """The splits of a data set, sent along: they are checked against the fingerprints like any others."""

    def __init__(self, splits: dict[str, Arrays]) -> None:
        self._splits = splits

    def __call__(self, split: str) -> Arrays:
        """Images and labels of a split."""
        return self._splits[split]


def portable_bench(spec: BenchSpec, training: bool) -> Bench:
    """A bench that another machine can use: with its reference and its images, and without any path."""
    bench = spec.open()
    splits = ["test", "train"] if training else ["test"]
    source = Embedded(Shipped({split: bench.dataset.load(bench.root, split) for split in splits}))
    dataset = replace(bench.dataset, source=source)
    return replace(bench.holding(Silent()), dataset=dataset, root=None, folder=None)


def _perform(task: Task, shared: list[Any], threads: int, seconds: float | None) -> TaskOutcome:
    from snnbench.sweeps.executors.work import perform

    def begin() -> None:
        if seconds is not None:
            with open(os.devnull, "w") as nowhere:  # noqa: PTH123
                faulthandler.dump_traceback_later(seconds + GRACE_SECONDS, exit=True, file=nowhere)

    try:
        return perform(task, threads, seconds, partial(_fetched, shared[0]), begin)
    finally:
        faulthandler.cancel_dump_traceback_later()


@cache
def _fetched(reference: Any, spec: BenchSpec) -> Bench:
    bench: Bench = _import_ray().get(reference)
    return bench


def _import_ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise OptionError("--executor ray needs Ray: pip install 'snnbench[ray]'") from error
    return ray


def _connect(ray: Any, address: str | None) -> None:
    where = address if address in (None, "auto") else f"ray://{address}"
    try:
        ray.init(address=where, log_to_driver=False)
    except (ConnectionError, ValueError, RuntimeError) as error:
        named = f"ray://{address}" if address else "ray"
        raise OptionError(f"--executor {named!r} cannot be reached: {' '.join(str(error).split())}") from error
