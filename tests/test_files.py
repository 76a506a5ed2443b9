"""A cache that cannot be used is told in a line that says how to have another."""

from __future__ import annotations

from pathlib import Path

import pytest

import snnbench
from snnbench import files
from snnbench.errors import DataError, RecordError
from snnbench.locks import locked, try_lock
from snnbench.records.evaluation import Evaluation


def test_a_cache_that_is_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SNNBENCH_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError, match="SNNBENCH_CACHE"):
        snnbench.run("float", protocol="digits-sew8", limit=40, out=tmp_path / "out")


def test_locks_of_the_cache_and_of_results_have_their_own_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SNNBENCH_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError, match="SNNBENCH_CACHE"), locked(tmp_path / "file" / "references" / "a.lock"):
        pass
    monkeypatch.setenv("SNNBENCH_CACHE", str(tmp_path / "cache"))
    with pytest.raises(RecordError, match="name a folder that can be written and locked"):
        try_lock(tmp_path / "file" / "a.lock")


def test_a_disk_that_is_full_when_an_evaluation_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    monkeypatch.setattr(Evaluation, "to_bytes", lambda self: b"x")
    with pytest.raises(DataError, match=r"No space left on device; set SNNBENCH_CACHE") as caught:
        Evaluation(None, None, None).save(tmp_path / "references" / "a.safetensors")
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "references").iterdir())
