"""The entries of one kind by name, and what is said when a name is unknown, contested or out of reach."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar, cast

from snnbench.errors import PluginError, did_you_mean
from snnbench.plugins.own import OWN, is_own_model, own_model
from snnbench.plugins.source import KINDS, PluginFault, PluginSource

T = TypeVar("T")


@dataclass(frozen=True)
class PluginEntry(Generic[T]):
    """A named quantizer, model, data set or protocol, and the distribution that it comes from."""

    kind: str
    name: str
    value: T
    source: PluginSource

    def __str__(self) -> str:
        return f"{KINDS[self.kind]} {self.name!r}"


class Shelf(Generic[T]):
    """The entries of one kind: iterates over the usable names, sorted, and looks them up.

    Attributes:
        clashes: names claimed more than once, each with every entry that claims it; none of these can be used.
        faults: what went wrong in the plugins that may hold this kind.
    """

    def __init__(self, kind: str, entries: Iterable[PluginEntry[T]], faults: Iterable[PluginFault] = ()) -> None:
        claims: dict[str, tuple[PluginEntry[T], ...]] = {}
        for entry in entries:
            claims[entry.name] = (*claims.get(entry.name, ()), entry)
        self.kind = kind
        self.faults = tuple(faults)
        self.clashes: Mapping[str, tuple[PluginEntry[T], ...]] = {n: e for n, e in sorted(claims.items()) if len(e) > 1}
        self._entries = {name: entries[0] for name, entries in sorted(claims.items()) if len(entries) == 1}

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def values(self) -> tuple[PluginEntry[T], ...]:
        """The usable entries, by name."""
        return tuple(self._entries.values())

    def __getitem__(self, name: str) -> PluginEntry[T]:
        """The entry of that name; PluginError if it is unknown, or claimed more than once.

        A model may also be named as ``module:function``, and a data set by its folder.
        """
        if self.kind == "models" and is_own_model(name):
            value, source = own_model(name)
            return PluginEntry(self.kind, name, cast(T, value), source)
        if self.kind == "datasets" and name not in self and Path(name).is_dir():
            return PluginEntry(self.kind, name, cast(T, _folder(name)), PluginSource(OWN, "", name, name))
        if name in self.clashes:
            raise PluginError(self.clash(name))
        if name not in self._entries:
            raise PluginError(unknown(KINDS[self.kind], name, self, self.faults))
        return self._entries[name]

    def clash(self, name: str) -> str:
        """Who claims a contested name, and the remedy."""
        claimants = [f"{entry.source} ({entry.source.name} = {entry.source.module})" for entry in self.clashes[name]]
        return f"{KINDS[self.kind]} {name!r} is claimed by {' and by '.join(claimants)}; uninstall all but one of them"


def _folder(name: str) -> object:
    from snnbench.data.folder import folder_dataset

    return folder_dataset(Path(name))


def unknown(noun: str, name: str, known: Iterable[str], faults: Iterable[PluginFault]) -> str:
    """What to say of a name that nobody offers: what is near, what there is, and who is broken and may have it."""
    names = list(known)
    near = did_you_mean(name, names) or ";"
    broken = [f"{fault.source} is broken and may hold it ({fault.error})" for fault in faults if fault.fatal]
    return "; ".join([f"no {noun} {name!r}{near} known: {', '.join(names) or 'none'}", *broken])
