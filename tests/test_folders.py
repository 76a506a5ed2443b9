from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest

from snnbench.data import cache_root, resolve_root


@pytest.fixture
def platform(monkeypatch, tmp_path):
    for kind in ("data", "cache"):
        monkeypatch.setattr(platformdirs, f"user_{kind}_path", lambda name, kind=kind, **_: tmp_path / kind / name)
    return tmp_path


def test_root_is_the_option_then_the_variable_then_the_platforms(platform, monkeypatch):
    monkeypatch.setenv("SNNBENCH_DATA", "/variable")
    assert resolve_root(Path("/option")) == Path("/option")
    assert resolve_root() == Path("/variable")
    monkeypatch.setenv("SNNBENCH_DATA", "")
    assert resolve_root() == platform / "data" / "snnbench"
    monkeypatch.delenv("SNNBENCH_DATA")
    assert resolve_root() == platform / "data" / "snnbench"


def test_cache_is_the_variable_then_the_platforms(platform, monkeypatch):
    monkeypatch.setenv("SNNBENCH_CACHE", "~/variable")
    assert cache_root() == Path.home() / "variable"
    monkeypatch.delenv("SNNBENCH_CACHE")
    assert cache_root() == platform / "cache" / "snnbench"
