"""Where a plugin comes from, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata
from typing import Any

GROUP = "snnbench"
BUILT_IN_SINCE = "0.1.0"
"""The release in which a built-in quantizer, model or chip last changed a result. Cells name it, not the release that
is installed, so that a release that changes none leaves finished cells as they are."""

KINDS = {
    "quantizers": "quantizer",
    "models": "model",
    "datasets": "data set",
    "protocols": "protocol",
    "chips": "chip",
    "costs": "cost",
}


@dataclass(frozen=True)
class PluginSource:
    """One entry point of one installed distribution: ``name = module``.

    An entry point that bears the name of a kind (``quantizers``, ``models``, ...) is imported only when that kind is
    asked for, and may hold nothing else. Any other name may hold every kind.
    """

    distribution: str
    version: str
    name: str
    module: str

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}"

    @property
    def built_in(self) -> bool:
        return self.distribution == "snnbench"

    @property
    def results_version(self) -> str:
        """The version that cells name."""
        return BUILT_IN_SINCE if self.built_in else self.version

    def may_hold(self, kind: str) -> bool:
        return self.name == kind or self.name not in KINDS

    def load(self) -> Any:
        return metadata.EntryPoint(self.name, self.module, GROUP).load()


@dataclass(frozen=True)
class PluginFault:
    """What is wrong with a plugin, in one line; a fatal fault keeps it, or one of its hooks, from being used."""

    source: PluginSource
    error: str
    traceback: str = ""
    fatal: bool = True

    def __str__(self) -> str:
        return f"{self.source}: {self.error}"
