"""Reading, checking and importing data sets; numpy only."""

from __future__ import annotations

from snnbench.data.cache import cache_root, write_atomically
from snnbench.data.dataset import Dataset
from snnbench.data.fingerprint import fingerprint
from snnbench.data.layouts import BinaryLayout, PickleLayout
from snnbench.data.prepare import prepare
from snnbench.data.roots import resolve_root
from snnbench.data.sources import Archived, Embedded, Source

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
    "write_atomically",
]
