"""A protocol of one's own, named by its path: its cells are as good as those of a protocol that is installed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

import snnbench
from snnbench.bench.reopening import bench_of
from snnbench.errors import RecordError
from snnbench.examine.behaviour import behaviour
from snnbench.examine.compare import compare
from snnbench.examine.export import export
from snnbench.examine.series import read_series, reference_profile
from snnbench.leaderboard import add, read_board, rerun, verify
from snnbench.leaderboard.verification import require_rows
from snnbench.plugins import catalogue
from snnbench.records.record import read_record
from snnbench.reporting import Silent


@pytest.fixture(scope="module")
def protocol(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of digits-sew8 under another name, with its baselines."""
    folder = tmp_path_factory.mktemp("protocol")
    for file in catalogue().protocols["digits-sew8"].value.parent.iterdir():
        shutil.copy(file, folder)
    path = folder / "protocol.toml"
    path.write_text(path.read_text("utf-8").replace('name = "digits-sew8"', 'name = "digits-mine"'))
    return path


@pytest.fixture(scope="module")
def cells(protocol: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    found = snnbench.run("uniform", [2, 4], protocol=str(protocol), seed=1, out=tmp_path_factory.mktemp("out"))
    return [cell.directory for cell in found]


def test_verbs_read_its_cells(protocol: Path, cells: list[Path], tmp_path: Path) -> None:
    protocol.rename(tmp_path / "elsewhere.toml")
    try:
        assert behaviour(cells[0]).outcomes["spike_mismatch"] > 0
        assert export(cells[0], tmp_path / "quantized.safetensors")[0].exists()
        assert reference_profile(read_series(cells)[0], None, Silent()).samples == 360
        assert compare(cells[0], cells[1])[0].mcnemar.p_value <= 1
        assert isinstance(snnbench.load(cells[0]), torch.nn.Module)
    finally:
        (tmp_path / "elsewhere.toml").rename(protocol)


def test_it_has_a_board(cells: list[Path], tmp_path: Path) -> None:
    entry = add(cells[0], tmp_path / "boards", declare_findings=True)
    assert [problem for verdict in verify(entry) for problem in verdict.problems] == []
    (verdict,) = rerun(entry, Silent())
    assert verdict.problems == ()
    assert behaviour(entry).outcomes["spike_mismatch"] > 0


def test_what_its_board_lacks_is_measured_by_its_document(cells: list[Path], tmp_path: Path) -> None:
    board = read_board(add(cells[0], tmp_path / "boards", declare_findings=True).parents[1])
    assert any("--seed 1 -p DOCUMENT.toml, that of 'digits-mine'" in problem for problem in require_rows(board))


@pytest.mark.parametrize("file", ["protocol.toml", "network.safetensors"])
def test_what_a_cell_keeps_is_what_it_was_measured_on(cells: list[Path], tmp_path: Path, file: str) -> None:
    copied = shutil.copytree(cells[0], tmp_path / "cell")
    kept = (copied / file).read_bytes()
    (copied / file).write_bytes(
        kept.replace(b"batch_size = 100", b"batch_size = 50") if file.endswith("toml") else kept[:-1]
    )
    with pytest.raises(RecordError, match="is altered"):
        bench_of(copied, read_record(copied).cell, None)
