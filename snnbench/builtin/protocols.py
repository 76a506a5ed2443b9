"""The protocols that ship: every folder of ``snnbench/protocols`` that holds a ``protocol.toml``."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable

from snnbench.hookspecs import hookimpl


@hookimpl
def snnbench_protocols() -> dict[str, Traversable]:
    """Path of each protocol's document by its folder's name."""
    folders = files("snnbench.protocols").iterdir()
    documents = {folder.name: folder.joinpath("protocol.toml") for folder in folders if folder.is_dir()}
    return {name: document for name, document in sorted(documents.items()) if document.is_file()}
