"""No test here writes the user's cache."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def cache(shared_cache: Path) -> Path:
    return shared_cache
