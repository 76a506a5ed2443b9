"""`snnbench plot` from the outside."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from snnbench.bench.run import run
from snnbench.cli.main import app
from snnbench.errors import RecordError


@pytest.mark.parametrize("place", [lambda cell: cell, lambda cell: cell.parents[1]], ids=["cell", "results folder"])
def test_plot_prints_what_it_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: Callable[[Path], Path]
) -> None:
    monkeypatch.setenv("SNNBENCH_CACHE", str(tmp_path / "cache"))
    (cell,) = run("uniform", 4, protocol="digits-sew8", out=tmp_path / "results", limit=40)
    arguments = ["plot", str(place(cell.directory)), "--out", str(tmp_path / "new"), "--format", "svg"]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    assert [Path(line) for line in result.stdout.split()] == sorted(
        (tmp_path / "new").iterdir(), key=lambda path: ["rates", "emd", "accuracy", "steps", "metrics"].index(path.stem)
    )


def test_a_missing_record_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"no record in .*nowhere.*a results folder"):
        CliRunner().invoke(app, ["plot", str(tmp_path / "nowhere")], catch_exceptions=False)
