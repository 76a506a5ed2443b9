"""Asking a plugin what it offers in a process of its own, which may fail, hang or change what it likes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from tempfile import TemporaryFile
from typing import IO, Any

from snnbench.plugins.loading import load
from snnbench.plugins.offers import Offers, ask, from_json, to_json, useless
from snnbench.plugins.source import PluginSource

LIMIT = 120.0
"""Seconds that a plugin may take to load and answer; a slower one is left out."""

PATIENCE = 10.0
"""Seconds after which a plugin is said to be slow."""

_MARK = "SNNBENCH_ASKED_APART"
_CHILD = (
    "import json, sys; order = json.load(sys.stdin); sys.path[:] = order['path']; "
    "from snnbench.plugins.apart import answer; answer(order['source'])"
)


def ask_apart(source: PluginSource) -> Offers:
    """What a plugin offers, by kind; whatever goes wrong is a fault of it."""
    if _MARK in os.environ:
        return useless(source, "asks for plugins while it is asked itself")
    with TemporaryFile() as told, TemporaryFile() as complaints:
        environment = {**os.environ, _MARK: "1"}
        command = [sys.executable, "-c", _CHILD]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=told, stderr=complaints, env=environment
        ) as process:
            try:
                _order(process, source)
            except subprocess.TimeoutExpired:
                return useless(source, f"does not load within {LIMIT:g} s, so it is left out")
            finally:
                process.kill()
        return _answer_of(source, process.returncode, told, complaints)


def _order(process: subprocess.Popen[bytes], source: PluginSource) -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps({"path": sys.path, "source": asdict(source)}).encode())
    process.stdin.close()
    try:
        process.wait(min(PATIENCE, LIMIT))
    except subprocess.TimeoutExpired:
        sys.stderr.write(f"{source} takes long to load; it has {LIMIT:g} s\n")
        process.wait(max(0, LIMIT - PATIENCE))


def _answer_of(source: PluginSource, code: int, told: IO[bytes], complaints: IO[bytes]) -> Offers:
    told.seek(0)
    try:
        return from_json(source, json.loads(told.read()))
    except (ValueError, KeyError, TypeError):
        complaints.seek(0)
        said = complaints.read().decode(errors="replace").strip().splitlines()
        return useless(
            source, f"ends its process (exit code {code}) instead of answering{': ' + said[-1] if said else ''}"
        )


def answer(source: dict[str, Any]) -> None:
    """In the plugin's process: tell what it offers, on what was stdout before the plugin got hold of it."""
    channel = os.dup(1)
    os.dup2(2, 1)
    text = json.dumps(to_json(ask(load(PluginSource(**source)))))
    with os.fdopen(channel, "w", encoding="utf-8") as file:
        file.write(text)
    os._exit(0)  # threads that the plugin started would keep it alive
