"""A cache and a results folder of each test's own, and a protocol small enough to train in a test."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def session_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """References of shipped baselines are shared by all tests: they are keyed by content."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def cache(session_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SNNBENCH_CACHE", str(session_cache))
    return session_cache


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "results"
