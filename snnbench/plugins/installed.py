"""The plugins of this environment: what they offer, asked without importing them here, and those that are used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from snnbench.plugins import apart
from snnbench.plugins.discovery import discover
from snnbench.plugins.loading import Plugin, load
from snnbench.plugins.offers import Offer, Offers, offer, remember, remembered
from snnbench.plugins.source import KINDS, PluginSource


class Installed:
    """Entry points of installed distributions; built-ins are imported when asked, others when one of theirs is used."""

    def __init__(self) -> None:
        self.sources, self.unreadable = discover()
        self._plugins: dict[PluginSource, Plugin] = {}
        self._listings: dict[PluginSource, Offers] = {}
        self._asked: set[PluginSource] = set()

    def plugin(self, source: PluginSource) -> Plugin:
        """The plugin, imported."""
        if source not in self._plugins:
            self._plugins[source] = load(source)
        return self._plugins[source]

    def built_in(self, kind: str) -> Iterator[tuple[PluginSource, Offer]]:
        """What the project's own plugins offer of a kind."""
        own = [source for source in self.sources if source.built_in and source.may_hold(kind)]
        yield from ((source, offer(self.plugin(source), kind)) for source in own)

    def others(self, kind: str) -> Iterator[tuple[PluginSource, Offer]]:
        """What other plugins offer of a kind, as remembered, or asked in a process each."""
        able = [source for source in self._others if source.may_hold(kind)]
        known = {source: remembered(source) for source in able if source not in self._listings}
        self._listings.update({source: listing for source, listing in known.items() if listing is not None})
        self._ask(source for source in able if source not in self._listings)
        yield from ((source, self._listings[source].get(kind, Offer((), ()))) for source in able)

    def ask_again(self) -> None:
        """Ask every other plugin again that this process only remembers to be faulty."""
        for kind in KINDS:
            list(self.others(kind))
        self._ask(source for source in self._others if source not in self._asked and self._faulty(source))

    def _faulty(self, source: PluginSource) -> bool:
        return any(each.faults for each in self._listings.get(source, {}).values())

    @property
    def _others(self) -> list[PluginSource]:
        return [source for source in self.sources if not source.built_in]

    def _ask(self, sources: Iterable[PluginSource]) -> None:
        asked = list(sources)
        for source, listing in zip(asked, apart.ask_apart(asked) if asked else (), strict=True):
            self._asked.add(source)
            self._listings[source] = listing
            remember(source, listing)
