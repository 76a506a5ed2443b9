"""What plugins offer is remembered while their files stay as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from snnbench.plugins.offers import Offer, from_json, remember, remembered, to_json
from snnbench.plugins.source import PluginFault, PluginSource

SOURCE = PluginSource("snnbench-kept", "1.0", "kept", "snnbench_kept.hooks:plugin")
LISTING = {
    "quantizers": Offer(("a", "b"), ()),
    "models": Offer((), (PluginFault(SOURCE, "OSError: gone", "Traceback", fatal=False),)),
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_cache: Path) -> Path:
    folder = tmp_path / "site" / "snnbench_kept"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "hooks.py").write_text("raise SystemExit('imported')", "utf-8")
    monkeypatch.syspath_prepend(folder.parent)
    return folder


def test_json_keeps_everything() -> None:
    assert from_json(SOURCE, to_json(LISTING)) == LISTING


def test_it_is_remembered_until_a_file_of_the_package_changes(package: Path) -> None:
    assert remembered(SOURCE) is None
    remember(SOURCE, LISTING)
    assert remembered(SOURCE) == LISTING
    (package / "table.toml").write_text("x = 1", "utf-8")
    assert remembered(SOURCE) is None
    remember(SOURCE, LISTING)
    (package / "hooks.py").write_text("raise SystemExit('Imported')", "utf-8")
    assert remembered(SOURCE) is None


def test_it_is_asked_again_once_something_is_installed(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(SOURCE, LISTING)
    (tmp_path / "more" / "torch-9.0.dist-info").mkdir(parents=True)
    monkeypatch.syspath_prepend(tmp_path / "more")
    assert remembered(SOURCE) is None
    remember(SOURCE, LISTING)
    assert remembered(SOURCE) == LISTING


def test_another_version_is_another_plugin(package: Path) -> None:
    remember(SOURCE, LISTING)
    assert remembered(PluginSource("snnbench-kept", "1.1", "kept", SOURCE.module)) is None


@pytest.mark.parametrize("content", [b"", b"[]", b'{"files": 1}', b"\xff"])
def test_a_damaged_note_is_none(package: Path, own_cache: Path, content: bytes) -> None:
    remember(SOURCE, LISTING)
    (note,) = (own_cache / "plugins").iterdir()
    note.write_bytes(content)
    assert remembered(SOURCE) is None


def test_a_package_that_cannot_be_found_is_not_remembered(own_cache: Path) -> None:
    nowhere = PluginSource("snnbench-kept", "1.0", "kept", "no_such_package")
    remember(nowhere, LISTING)
    assert remembered(nowhere) is None


def test_a_single_module_is_remembered_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_cache: Path) -> None:
    (tmp_path / "single_kept.py").write_text("x = 1", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    source = PluginSource("snnbench-kept", "1.0", "kept", "single_kept")
    listing = {"quantizers": Offer(("a",), ())}
    remember(source, listing)
    assert remembered(source) == listing
    (tmp_path / "single_kept.py").write_text("x = 2", "utf-8")
    assert remembered(source) is None
