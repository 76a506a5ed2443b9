"""The catalogue of everything that installed distributions plug in, the project's own parts included."""

from __future__ import annotations

from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from snnbench.errors import PluginError
from snnbench.plugins.installed import Installed
from snnbench.plugins.own import is_own_model
from snnbench.plugins.shelf import PluginEntry, Shelf, unknown
from snnbench.plugins.source import KINDS, PluginFault, PluginSource

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from snnbench.data.dataset import Dataset
    from snnbench.functional.energy import CostOf

__all__ = ["KINDS", "Catalogue", "PluginEntry", "PluginFault", "PluginSource", "Shelf", "catalogue"]


class Catalogue:
    """What is plugged in, by kind; a plugin is imported when one of its parts is looked up."""

    def __init__(self) -> None:
        self._installed = Installed()

    @cached_property
    def quantizers(self) -> Shelf[Callable[..., Any]]:
        return Shelf("quantizers", self._installed)

    @cached_property
    def models(self) -> Shelf[Callable[..., Any]]:
        return Shelf("models", self._installed)

    @cached_property
    def datasets(self) -> Shelf[Dataset]:
        return Shelf("datasets", self._installed)

    @cached_property
    def protocols(self) -> Shelf[Path]:
        return Shelf("protocols", self._installed)

    @cached_property
    def chips(self) -> Shelf[Path]:
        return Shelf("chips", self._installed)

    @cached_property
    def costs(self) -> Shelf[CostOf]:
        return Shelf("costs", self._installed)

    def shelf(self, kind: str) -> Shelf[Any]:
        """The shelf of a kind given by its plural, one of `KINDS`."""
        shelf: Shelf[Any] = getattr(self, kind)
        return shelf

    @property
    def faults(self) -> tuple[PluginFault, ...]:
        """Everything wrong with any plugin, each fault once."""
        return tuple(dict.fromkeys(fault for kind in KINDS for fault in self.shelf(kind).faults))

    def ask_again(self) -> None:
        """Ask every plugin what it offers, in a process each, whatever is remembered of it."""
        self._installed.ask_again()

    def find(self, name: str) -> list[PluginEntry[Any]]:
        """The entries of that name, of whatever kind; PluginError if there is none, or one is claimed twice.

        A model may also be named as ``module:function``.
        """
        if is_own_model(name):
            return [self.models[name]]
        if not (found := self._named(name)):
            self.ask_again()
            found = self._named(name)
        if not found:
            names = sorted({name for kind in KINDS for name in self.shelf(kind)})
            raise PluginError(unknown("plugin", name, names, self.faults))
        return [shelf[name] for shelf in found]

    def _named(self, name: str) -> list[Shelf[Any]]:
        shelves = [self.shelf(kind) for kind in KINDS]
        return [shelf for shelf in shelves if name in shelf or name in shelf.clashes]


@cache
def catalogue() -> Catalogue:
    """The catalogue of this process."""
    return Catalogue()
