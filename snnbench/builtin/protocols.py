"""The protocols that ship: every folder of ``snnbench/protocols`` that holds a ``protocol.toml``."""

from __future__ import annotations

from pathlib import Path

from snnbench.hookspecs import hookimpl


@hookimpl
def snnbench_protocols() -> dict[str, Path]:
    """Path of each protocol's document by its folder's name."""
    folder = Path(__file__).resolve().parents[1] / "protocols"
    return {document.parent.name: document for document in sorted(folder.glob("*/protocol.toml"))}
