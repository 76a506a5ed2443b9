"""Reading, checking and importing data sets; numpy only.

Most names load on first use, so that the command line finds the cache without importing numpy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from snnbench.folders import cache_root, resolve_root

if TYPE_CHECKING:
    from snnbench.data.content import fingerprint
    from snnbench.data.dataset import Dataset
    from snnbench.data.layouts import BinaryLayout, PickleLayout
    from snnbench.data.preparation import prepare
    from snnbench.data.sources import Archived, Embedded, Source

_LAZY = {
    "Archived": "sources",
    "BinaryLayout": "layouts",
    "Dataset": "dataset",
    "Embedded": "sources",
    "PickleLayout": "layouts",
    "Source": "sources",
    "fingerprint": "content",
    "prepare": "preparation",
}
__all__ = [
    "Archived",
    "BinaryLayout",
    "Dataset",
    "Embedded",
    "PickleLayout",
    "Source",
    "cache_root",
    "fingerprint",
    "prepare",
    "resolve_root",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'snnbench.data' has no attribute {name!r}")
    return getattr(import_module(f"snnbench.data.{_LAZY[name]}"), name)
