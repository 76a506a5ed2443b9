"""How worker processes start: on Linux as forks of a server that has imported PyTorch once, elsewhere from nothing."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import forkserver
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext, SpawnContext

_IMPORTED = "snnbench.sweeps.executors.work"


def thread_variables(threads: int) -> dict[str, str]:
    """What numerical libraries read when they are imported."""
    return {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}


def worker_context(threads: int) -> SpawnContext | ForkServerContext:
    """A context whose processes start with everything imported, where the system's libraries survive a fork."""
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([_IMPORTED])
    with _deaf_to_interrupts(), _environment(thread_variables(threads)):
        forkserver.ensure_running()
    return context


@contextmanager
def without_script() -> Iterator[None]:
    """Processes started within do not run the user's script once more, which would start them again."""
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Processes started within inherit that SIGINT is blocked: Ctrl-C reaches the whole group, also during imports."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
