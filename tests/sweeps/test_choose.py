"""How many cores a run and the tests may use."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest

from snnbench.sweeps.executors import choose


@pytest.mark.parametrize(
    ("limits", "cores"),
    [("200000 100000", 2), ("150000 100000", 1.5), ("max 100000", math.inf), ("", math.inf)],
)
def test_the_quota_of_a_container_is_read(tmp_path: Path, limits: str, cores: float) -> None:
    (tmp_path / "cpu.max").write_text(limits)
    assert choose._quota(tmp_path / "cpu.max") == cores
    assert choose._quota(tmp_path / "none") == math.inf


@pytest.mark.parametrize(("quota", "cores"), [(0.1, 1), (1.5, 2), (2.0, 2), (math.inf, 64)])
def test_a_container_counts_by_its_quota(monkeypatch: pytest.MonkeyPatch, quota: float, cores: int) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(64)), raising=False)
    monkeypatch.setattr(choose, "_quota", lambda: quota)
    assert choose.cores() == cores
