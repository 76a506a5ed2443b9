"""Asking plugins what they offer in a process each, which may fail, hang or change what it likes.

One process imports PyTorch, which every plugin needs and which takes a second, and is copied for each plugin.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from snnbench.plugins.loading import load
from snnbench.plugins.offers import Offers, ask, from_json, to_json, useless
from snnbench.plugins.source import PluginSource

LIMIT = 120.0
"""Seconds that a plugin may take to load and answer; a slower one is left out."""

PATIENCE = 10.0
"""Seconds after which a plugin is said to be slow."""

AT_ONCE = 3
"""Plugins that are asked at the same time."""

_MARK = "SNNBENCH_ASKED_APART"
_ASKER = (
    "import json, sys; order = json.load(sys.stdin); sys.path[:] = order.pop('path'); "
    "from snnbench.plugins.apart import ask_each; ask_each(**order)"
)


def ask_apart(sources: Sequence[PluginSource]) -> Iterator[Offers]:
    """What each plugin offers, by kind, in the order of `sources`; whatever goes wrong is a fault of the plugin."""
    if _MARK in os.environ:
        yield from (useless(source, "asks for plugins while it is asked itself") for source in sources)
        return
    with TemporaryDirectory() as folder:
        order = {"path": sys.path, "folder": folder, "sources": [*map(asdict, sources)]}
        limits = {"limit": LIMIT, "patience": PATIENCE}
        told = subprocess.run(
            [sys.executable, "-c", _ASKER],
            input=json.dumps(order | limits).encode(),
            stdout=subprocess.PIPE,
            env={**os.environ, _MARK: "1"},
            check=False,
        )
        codes: dict[int, int | None] = dict(map(json.loads, told.stdout.splitlines()))
        for number, source in enumerate(sources):
            yield _answer_of(source, codes.get(number, told.returncode), Path(folder, str(number)))


def _answer_of(source: PluginSource, code: int | None, answer: Path) -> Offers:
    if code is None:
        return useless(source, f"does not load within {LIMIT:g} s, so it is left out")
    try:
        return from_json(source, json.loads(answer.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError):
        complaints = _complaints(answer)
        said = complaints.read_text(errors="replace").strip().splitlines() if complaints.exists() else []
        return useless(
            source, f"ends its process (exit code {code}) instead of answering{': ' + said[-1] if said else ''}"
        )


def _complaints(answer: Path) -> Path:
    return answer.with_suffix(".complaints")


def ask_each(folder: str, sources: list[dict[str, Any]], limit: float, patience: float) -> None:
    """In the process that is copied: ask every plugin, and print a line with its number and exit code (null: late)."""
    import torch  # noqa: F401  (once for all of them)

    waiting = list(enumerate(PluginSource(**source) for source in sources))
    running: dict[int, _Asked] = {}
    try:
        while waiting or running:
            while waiting and len(running) < AT_ONCE:
                number, source = waiting.pop(0)
                running[_copy(source, Path(folder, str(number)))] = _Asked(number, source, patience, limit)
            for pid, code in [(pid, asked.ended(pid)) for pid, asked in running.items()]:
                if code is not _RUNNING:
                    print(json.dumps([running.pop(pid).number, code]), flush=True)  # noqa: T201
            time.sleep(0.005)
    finally:
        for pid in running:
            os.kill(pid, signal.SIGKILL)


_RUNNING = object()


class _Asked:
    """A plugin that is being asked since this was made."""

    def __init__(self, number: int, source: PluginSource, patience: float, limit: float) -> None:
        self.number, self.source, self.patience, self.limit = number, source, patience, limit
        self.started = time.monotonic()

    def ended(self, pid: int) -> Any:
        """The exit code of its process, None if it took too long and was killed, or ``_RUNNING``."""
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        taken = time.monotonic() - self.started
        if taken > self.patience:
            self.patience = float("inf")
            sys.stderr.write(f"{self.source} takes long to load; it has {self.limit:g} s\n")
        if taken <= self.limit:
            return _RUNNING
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return None


def _copy(source: PluginSource, answer: Path) -> int:
    """Copy this process; the copy asks the plugin and ends, even where the plugin left threads behind."""
    if pid := os.fork():
        return pid
    code = 1
    try:
        complaints = os.open(_complaints(answer), os.O_WRONLY | os.O_CREAT)
        os.dup2(complaints, 1)
        os.dup2(complaints, 2)
        answer.write_text(json.dumps(to_json(ask(load(source)))))
        code = 0
    except BaseException:  # noqa: BLE001  (the copy must not go on as its original)
        traceback.print_exc()
    finally:
        os._exit(code)
