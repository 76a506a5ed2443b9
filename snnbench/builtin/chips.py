"""The chips that ship: every document of ``snnbench/chips/documents``."""

from __future__ import annotations

from pathlib import Path

from snnbench.hookspecs import hookimpl


@hookimpl
def snnbench_chips() -> dict[str, Path]:
    """Path of each chip's document by its name."""
    folder = Path(__file__).resolve().parents[1] / "chips" / "documents"
    return {document.stem: document for document in sorted(folder.glob("*.toml"))}
