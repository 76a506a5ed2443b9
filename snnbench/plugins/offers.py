"""What a plugin offers, by kind and name, and what is wrong with it; as JSON, and remembered in the cache."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from snnbench import __version__
from snnbench.files import write_atomically
from snnbench.folders import cache_root
from snnbench.plugins.loading import Plugin
from snnbench.plugins.source import KINDS, PluginFault, PluginSource


@dataclass(frozen=True)
class Offer:
    """What a plugin has of one kind: names, and faults that may keep more from being used."""

    names: tuple[str, ...]
    faults: tuple[PluginFault, ...]


Offers = Mapping[str, Offer]
"""Offers of one plugin, by kind."""


def ask(plugin: Plugin) -> Offers:
    """What an imported plugin offers."""
    return {kind: offer(plugin, kind) for kind in KINDS if plugin.source.may_hold(kind)}


def offer(plugin: Plugin, kind: str) -> Offer:
    """What an imported plugin offers of a kind."""
    offered, wrong = plugin.ask(kind)
    return Offer(tuple(offered), (*plugin.faults, *wrong))


def useless(source: PluginSource, error: str) -> Offers:
    """Of a plugin that cannot be asked."""
    return {kind: Offer((), (PluginFault(source, error),)) for kind in KINDS if source.may_hold(kind)}


def to_json(listing: Offers) -> dict[str, Any]:
    """The offers without their source."""
    return {
        kind: {"names": each.names, "faults": [[f.error, f.traceback, f.fatal] for f in each.faults]}
        for kind, each in listing.items()
    }


def from_json(source: PluginSource, document: Mapping[str, Any]) -> Offers:
    """What `to_json` wrote.

    Raises:
        ValueError, KeyError, TypeError: if it did not.
    """
    return {
        kind: Offer(
            tuple(map(str, each["names"])),
            tuple(PluginFault(source, str(error), str(trace), bool(fatal)) for error, trace, fatal in each["faults"]),
        )
        for kind, each in document.items()
    }


def remembered(source: PluginSource) -> Offers | None:
    """What the plugin offered when last asked; None if its files, or the distributions installed, are others now."""
    try:
        document = json.loads(_note(source).read_bytes())
        same = document["files"] == _identity(source) != "" and document["installed"] == _distributions(*sys.path)
        return from_json(source, document["listing"]) if same else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remember(source: PluginSource, listing: Offers) -> None:
    """Keep what it offers; without a place to keep it, it is asked again."""
    document = {"files": _identity(source), "installed": _distributions(*sys.path), "listing": to_json(listing)}
    with suppress(OSError):
        write_atomically(_note(source), [json.dumps(document).encode()])


def _note(source: PluginSource) -> Path:
    return cache_root() / "plugins" / hashlib.sha256(f"{source!r} {__version__}".encode()).hexdigest()[:32]


@cache
def _distributions(*path: str) -> str:
    """SHA-256 of the names and versions of all distributions on a path: a plugin may break with what it rests on."""
    names = sorted(each.name for folder in path for each in Path(folder).glob("*.dist-info"))
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


def _identity(source: PluginSource) -> str:
    """The files of the plugin's package as they are now; empty if they cannot be found without an import."""
    from snnbench.data.cache import identify

    package = source.module.partition(":")[0].partition(".")[0]
    with suppress(ImportError, ValueError, OSError):
        spec = importlib.util.find_spec(package)
        return identify(sorted(_files(spec.origin, spec.submodule_search_locations or ()))) if spec else ""
    return ""


def _files(origin: str | None, folders: Any) -> Iterator[Path]:
    for folder in map(Path, folders):
        yield from (each for each in folder.rglob("*") if each.is_file() and "__pycache__" not in each.parts)
    if not folders and origin is not None:
        yield Path(origin)
