"""Names for the shell to complete, from a small file, so that a press of TAB imports no plugin.

The file holds for the plugins that were installed when it was written; once others are, it is made anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

Completer = Callable[[str], list[str]]


def _names_of(*kinds: str) -> Completer:
    def complete(incomplete: str) -> list[str]:
        known = _known_names()
        names = {name for kind in kinds or known for name in known[kind]}
        return sorted(name for name in names if name.startswith(incomplete))

    return complete


quantizer_name = _names_of("quantizers")
model_name = _names_of("models")
dataset_name = _names_of("datasets")
protocol_name = _names_of("protocols")
any_name = _names_of()


def remember_names() -> dict[str, list[str]]:
    """Ask every plugin for its names and keep them for later completions."""
    from snnbench.data import write_atomically
    from snnbench.plugins import KINDS, catalogue

    names = {kind: list(catalogue().shelf(kind)) for kind in KINDS}
    content = json.dumps({"installed": _installed(), "names": names})
    try:
        write_atomically(_file(), [content.encode()])
    except OSError:  # without a cache the next completion asks the plugins again
        return names
    return names


def _known_names() -> dict[str, list[str]]:
    try:
        known = json.loads(_file().read_text("utf-8"))
    except (OSError, ValueError):
        return remember_names()
    names: dict[str, list[str]] = known["names"]
    return names if known["installed"] == _installed() else remember_names()


def _installed() -> list[list[str]]:
    from snnbench.plugins.source import discover

    return [[source.distribution, source.version, source.name, source.module] for source in discover()[0]]


def _file() -> Path:
    from snnbench.data import cache_root

    return cache_root() / "names.json"
