"""Chips by name: those that ship and those that plugins bring."""

from __future__ import annotations

from pathlib import Path

from snnbench.chips.document import Semantics, read_semantics
from snnbench.errors import PluginError
from snnbench.plugins import catalogue


def find_chip(name: str) -> Semantics:
    """The semantics of a chip given by its name, or by the path of a document that ends in ``.toml``.

    Raises:
        PluginError: if there is no such chip, or its document calls it otherwise.
        ProtocolError: if its document is not valid.
    """
    if name.endswith(".toml"):
        return read_semantics(Path(name))
    entry = catalogue().chips[name]
    chip = read_semantics(entry.value)
    if chip.name != name:
        raise PluginError(f"{entry}: its document {entry.value} is named '{chip.name}'")
    return chip
