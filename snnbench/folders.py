"""The folder that data sets are looked for in, and the folder of what can be computed again."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def resolve_root(data: Path | None = None) -> Path:
    """The folder holding the data sets: ``data``, else ``SNNBENCH_DATA``, else the platform's data folder."""
    if data is not None:
        return data.expanduser()
    if chosen := os.environ.get("SNNBENCH_DATA"):
        return Path(chosen).expanduser()
    return platformdirs.user_data_path("snnbench", appauthor=False)


def cache_root() -> Path:
    """The folder of everything that can be computed again: ``SNNBENCH_CACHE``, else the platform's cache folder."""
    if chosen := os.environ.get("SNNBENCH_CACHE"):
        return Path(chosen).expanduser()
    return platformdirs.user_cache_path("snnbench", appauthor=False)
