"""The catalogue of everything that installed distributions plug in, the project's own parts included."""

from __future__ import annotations

from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from snnbench.errors import PluginError
from snnbench.plugins.discovery import discover
from snnbench.plugins.loading import Plugin, load
from snnbench.plugins.shelf import PluginEntry, Shelf, unknown
from snnbench.plugins.source import KINDS, PluginFault, PluginSource

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from snnbench.data.dataset import Dataset

__all__ = ["KINDS", "Catalogue", "PluginEntry", "PluginFault", "PluginSource", "Shelf", "catalogue"]


class Catalogue:
    """What is plugged in, by kind; plugins are imported when a kind that they may hold is first asked for."""

    def __init__(self) -> None:
        self.sources, self._unreadable = discover()
        self._plugins: dict[PluginSource, Plugin] = {}

    @cached_property
    def quantizers(self) -> Shelf[Callable[..., Any]]:
        return self._shelf("quantizers")

    @cached_property
    def models(self) -> Shelf[Callable[..., Any]]:
        return self._shelf("models")

    @cached_property
    def datasets(self) -> Shelf[Dataset]:
        return self._shelf("datasets")

    @cached_property
    def protocols(self) -> Shelf[Path]:
        return self._shelf("protocols")

    @cached_property
    def chips(self) -> Shelf[Path]:
        return self._shelf("chips")

    def shelf(self, kind: str) -> Shelf[Any]:
        """The shelf of a kind given by its plural, one of `KINDS`."""
        shelf: Shelf[Any] = getattr(self, kind)
        return shelf

    @property
    def faults(self) -> tuple[PluginFault, ...]:
        """Everything wrong with any plugin, each fault once; imports them all."""
        return tuple(dict.fromkeys(fault for kind in KINDS for fault in self.shelf(kind).faults))

    def find(self, name: str) -> list[PluginEntry[Any]]:
        """The entries of that name, of whatever kind; PluginError if there is none, or one is claimed twice."""
        shelves = [self.shelf(kind) for kind in KINDS]
        found = [shelf[name] for shelf in shelves if name in shelf or name in shelf.clashes]
        if not found:
            names = sorted({name for shelf in shelves for name in shelf})
            raise PluginError(unknown(" or ".join(KINDS.values()), name, names, self.faults))
        return found

    def _shelf(self, kind: str) -> Shelf[Any]:
        entries: list[PluginEntry[Any]] = []
        faults = list(self._unreadable)
        for source in self.sources:
            if source.may_hold(kind):
                plugin = self._plugin(source)
                offered, wrong = plugin.ask(kind)
                entries += [PluginEntry(kind, name, value, source) for name, value in offered.items()]
                faults += [*plugin.faults, *wrong]
        return Shelf(kind, entries, faults)

    def _plugin(self, source: PluginSource) -> Plugin:
        if source not in self._plugins:
            self._plugins[source] = load(source)
        return self._plugins[source]


@cache
def catalogue() -> Catalogue:
    """The catalogue of this process."""
    return Catalogue()
