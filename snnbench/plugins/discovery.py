"""Finding plugins: the entry points that installed distributions name in the group ``snnbench``."""

from __future__ import annotations

import re
from importlib import metadata
from itertools import chain

from snnbench.plugins.isolation import isolated
from snnbench.plugins.source import GROUP, PluginFault, PluginSource


def discover() -> tuple[list[PluginSource], list[PluginFault]]:
    """Every entry point of the group, the project's own first, and the distributions whose metadata cannot be read."""
    found: dict[str, list[PluginSource]] = {}
    faults: list[PluginFault] = []
    for distribution in metadata.distributions():
        with isolated(PluginSource("a distribution without readable metadata", "", "", ""), faults):
            if f"[{GROUP}]" in (distribution.read_text("entry_points.txt") or ""):
                name, sources = _sources(distribution)
                found.setdefault(name, sources)  # as in imports, the first on the path hides others of its name
    return sorted(chain(*found.values()), key=lambda s: (not s.built_in, s.distribution, s.name)), faults


def _sources(distribution: metadata.Distribution) -> tuple[str, list[PluginSource]]:
    name, version = distribution.metadata["Name"], distribution.version
    points = distribution.entry_points.select(group=GROUP)
    return re.sub(r"[-_.]+", "-", name).lower(), [
        PluginSource(name, version, point.name, point.value) for point in points
    ]
