"""A worker process: measures the tasks that come through its pipe, until its parent is gone.

This module imports nothing heavy, so that the number of threads is set before numerical libraries read it.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from pathlib import Path

from snnbench.sweeps.executors.forking import thread_variables

# The kernel's killer takes a worker, not the sweep, when memory runs out (0 is a process like any other, 1000 first).
_KILL_ME_FIRST = "500"

BEGUN = "begun"
"""What a worker sends when it is ready with imports and data, and the time of its cell starts to count."""


def work(pipe: Connection, threads: int, seconds: float | None, environment: Mapping[str, str]) -> None:
    """Take tasks from `pipe` and send their outcomes back, for ever; in the environment of the sweep."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the sweep ends its workers itself
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update({**environment, **thread_variables(threads)})
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_KILL_ME_FIRST, "ascii")
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _serve(pipe, threads, seconds)


def _serve(pipe: Connection, threads: int, seconds: float | None) -> None:
    from snnbench.sweeps.executors.work import perform

    def begin() -> None:
        pipe.send(BEGUN)

    with suppress(EOFError, BrokenPipeError):
        while True:
            pipe.send(perform(pipe.recv(), threads, seconds, begin=begin))


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
