from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from oracles.faulty import install_faulty

from snnbench.bench.executors import make_executor
from snnbench.bench.executors.base import Resources
from snnbench.bench.reporting import Silent
from snnbench.bench.sweep.engine import Policy, Sweep
from snnbench.bench.sweep.grid import make_grid
from snnbench.bench.sweep.plan import Benches, make_plan
from snnbench.bench.sweep.progress import Event, Progress
from snnbench.bench.sweep.task import Task
from snnbench.plugins import catalogue

# A process that was itself started in the background inherits that Ctrl-C is ignored.
COMMAND = """
import signal, sys
from snnbench.cli.main import main
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(main())
"""
Events = list[tuple[Event, dict[str, object]]]


class Ear:
    """Remembers every event, with the counts as they were."""

    def __init__(self) -> None:
        self.events: Events = []

    def hear(self, event: Event, progress: Progress) -> None:
        self.events.append((event, progress.summary()))

    def tick(self, progress: Progress) -> None:
        pass

    def names(self) -> list[str]:
        return [event.name for event, _ in self.events]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the plugin installed in it."""
    return install_faulty(tmp_path_factory.mktemp("site"))


@pytest.fixture
def tiny(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., list[Task]]]:
    """``tiny(bits=[1, 2], how="die")`` plans cells of the faulty quantizer; the plugin is there while the test runs."""
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("PYTHONPATH", str(site), prepend=os.pathsep)
    monkeypatch.setenv("SNNBENCH_CACHE", str(tmp_path / "cache"))
    for left in ("died-once", "references"):
        (site / left).unlink(missing_ok=True)
    catalogue.cache_clear()

    def plan(how: str = "none", bits: object = 4, seconds: float = 0.0, **axes: object) -> list[Task]:
        option = {"how": how, "seconds": seconds}
        grid = make_grid({"quantizer": "faulty", "protocol": "tiny", "bits": bits, "option": option, **axes}, "grid")
        return make_plan([grid], Benches(None, "cpu"))

    yield plan
    catalogue.cache_clear()


@pytest.fixture
def sweep() -> Callable[..., tuple[Progress, Ear]]:
    """Runs tasks to the end in this process, and returns where they ended and what was heard."""

    def sweep(
        tasks: list[Task],
        out: Path,
        executor: str = "in-process",
        seconds: float | None = None,
        cpus: float = 1,
        **policy: object,
    ) -> tuple[Progress, Ear]:
        ear = Ear()
        engine = make_executor(executor, Resources(cpus=cpus, seconds=seconds))
        return Sweep(tasks, out, engine, [ear], Silent(), Policy(**policy)).run(), ear

    return sweep


@pytest.fixture
def start(tiny: object) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts the command line in a process group of its own; what still runs at the end is killed."""
    started = []

    def start(*arguments: str | Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", COMMAND]
        process = subprocess.Popen(
            [*command, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        with suppress(ProcessLookupError):  # its workers too: one that lives on would keep the pipes open
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)
