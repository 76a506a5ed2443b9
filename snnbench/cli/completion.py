"""Names for the shell to complete, from a small file, so that a press of TAB imports no plugin.

`snnbench plugins list` writes it anew, and so does the first completion after a plugin came, went or changed version.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
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
chip_name = _names_of("chips")
cost_name = _names_of("costs")
any_name = _names_of()


def remember_names() -> dict[str, list[str]]:
    """Ask every plugin for its names and keep them for later completions."""
    from snnbench.files import write_atomically
    from snnbench.plugins import KINDS, catalogue

    names = {kind: list(catalogue().shelf(kind)) for kind in KINDS}
    with suppress(OSError):  # without the file, the next completion asks the plugins again
        write_atomically(_file(), [json.dumps(names).encode()])
    return names


def _known_names() -> dict[str, list[str]]:
    try:
        names: dict[str, list[str]] = json.loads(_file().read_text("utf-8"))
    except (OSError, ValueError):
        return remember_names()
    return names


def _file() -> Path:
    """The file for the plugins that are installed now; others have another."""
    from snnbench.data import cache_root
    from snnbench.plugins.discovery import discover

    installed = repr(discover()[0])
    return cache_root() / f"names-{sha256(installed.encode()).hexdigest()[:16]}.json"
