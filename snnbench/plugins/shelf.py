"""The entries of one kind by name, and what is said when a name is unknown, contested or out of reach."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar, cast

from snnbench.errors import PluginError, did_you_mean
from snnbench.plugins.installed import Installed
from snnbench.plugins.own import OWN, is_own_model, own_model
from snnbench.plugins.source import KINDS, PluginFault, PluginSource

T = TypeVar("T")
_FEW = 20  # names that an error lists


@dataclass(frozen=True)
class PluginEntry(Generic[T]):
    """A named part of one of the `KINDS`, and the distribution that it comes from."""

    kind: str
    name: str
    value: T
    source: PluginSource

    def __str__(self) -> str:
        return f"{KINDS[self.kind]} {self.name!r}"


class Shelf(Generic[T]):
    """The entries of one kind: iterates over the usable names, sorted, and looks them up.

    Names of the project's own come first, and are found without asking any plugin. What others offer is asked without
    importing them; looking a name up imports the plugin that offers it, and no other.
    """

    def __init__(self, kind: str, installed: Installed) -> None:
        self.kind = kind
        self._installed = installed

    def __iter__(self) -> Iterator[str]:
        return iter(self.sources)

    def __len__(self) -> int:
        return len(self.sources)

    def __contains__(self, name: object) -> bool:
        return name in self._own or name in self.sources

    @property
    def sources(self) -> dict[str, PluginSource]:
        """The usable names, sorted, and where each comes from."""
        return {name: each[0] for name, each in self._claims.items() if len(each) == 1 or each[0].built_in}

    @property
    def clashes(self) -> dict[str, tuple[PluginSource, ...]]:
        """Names claimed more than once, and who claims them; only the project's own can be used all the same."""
        return {name: each for name, each in self._claims.items() if len(each) > 1}

    @property
    def faults(self) -> tuple[PluginFault, ...]:
        """What is wrong with the plugins that may hold this kind."""
        offers = [*self._installed.built_in(self.kind), *self._installed.others(self.kind)]
        return (*self._installed.unreadable, *(fault for _, offer in offers for fault in offer.faults))

    def values(self) -> tuple[PluginEntry[T], ...]:
        """The usable entries, by name; imports every plugin that has one."""
        return tuple(self._entry(name, source) for name, source in self.sources.items())

    def __getitem__(self, name: str) -> PluginEntry[T]:
        """The entry of that name; PluginError if it is unknown, claimed more than once, or its plugin is broken.

        A model may also be named as ``module:function``, and a data set by its folder.
        """
        if self.kind == "models" and is_own_model(name):
            value, source = own_model(name)
            return PluginEntry(self.kind, name, cast(T, value), source)
        if self.kind == "datasets" and Path(name).is_dir() and name not in self:
            return PluginEntry(self.kind, name, cast(T, _folder(name)), PluginSource(OWN, "", name, name))
        if name not in self and name not in self.clashes:
            self._installed.ask_again()
        if name in self:
            return self._entry(name, self._own.get(name) or self.sources[name])
        if name in self.clashes:
            raise PluginError(self.clash(name))
        raise PluginError(unknown(KINDS[self.kind], name, self, self.faults))

    def clash(self, name: str) -> str:
        """Who claims a contested name, and the remedy."""
        claimants = [f"{source} ({source.name} = {source.module})" for source in self.clashes[name]]
        remedy = "it stays snnbench's" if self.clashes[name][0].built_in else "uninstall all but one of them"
        return f"{KINDS[self.kind]} {name!r} is claimed by {' and by '.join(claimants)}; {remedy}"

    def _entry(self, name: str, source: PluginSource) -> PluginEntry[T]:
        plugin = self._installed.plugin(source)
        offered, wrong = plugin.ask(self.kind)
        if name not in offered:
            reasons = [fault.error for fault in (*plugin.faults, *wrong) if fault.fatal] or ["it offers it no longer"]
            raise PluginError(f"{KINDS[self.kind]} {name!r} of {source} cannot be used: {reasons[0]}")
        return PluginEntry(self.kind, name, offered[name], source)

    @property
    def _own(self) -> dict[str, PluginSource]:
        return {name: source for source, offer in self._installed.built_in(self.kind) for name in offer.names}

    @property
    def _claims(self) -> dict[str, tuple[PluginSource, ...]]:
        claims = {name: (source,) for name, source in self._own.items()}
        for source, offer in self._installed.others(self.kind):
            for name in offer.names:
                claims[name] = (*claims.get(name, ()), source)
        return dict(sorted(claims.items()))


def _folder(name: str) -> object:
    from snnbench.data.folder import folder_dataset

    return folder_dataset(Path(name))


def unknown(noun: str, name: str, known: Iterable[str], faults: Iterable[PluginFault]) -> str:
    """What to say of a name that nobody offers: what is near, what there is, and who is broken and may have it."""
    names = list(known)
    near = did_you_mean(name, names) or ";"
    there = f"known: {', '.join(names) or 'none'}" if len(names) <= _FEW else "all: snnbench plugins list"
    broken = [f"{fault.source} is broken and may hold it ({fault.error})" for fault in faults if fault.fatal]
    return "; ".join([f"no {noun} {name!r}{near} {there}", *broken])
