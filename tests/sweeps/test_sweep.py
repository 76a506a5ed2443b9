"""`snnbench.sweep`: a grid in, every cell's record or the reason why there is none out."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import snnbench
from snnbench.errors import OptionError
from snnbench.sweeps.status import read_statuses

GRIDS = [
    {"quantizer": "faulty", "protocol": "tiny", "bits": [1, 2], "option": {"how": "none"}},
    {"quantizer": "faulty", "protocol": "tiny", "option": {"how": "raise"}},
]


class Heard:
    """A reporter that remembers."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.counts: dict[str, tuple[int, int]] = {}

    def say(self, message: str) -> None:
        self.lines.append(message)

    @contextmanager
    def task(self, title: str) -> Iterator[Callable[[int, int], None]]:
        yield lambda done, total: self.counts.__setitem__(title, (done, total))


def test_a_cell_that_fails_stops_no_other(tiny: object, tmp_path: Path) -> None:
    heard, out = Heard(), tmp_path / "out"
    before = snnbench.sweep(GRIDS, "in-process", out=out, dry_run=True)
    assert [(each.record, each.reason) for each in before] == [(None, None)] * 3
    assert not out.exists()
    cells = snnbench.sweep(GRIDS, "in-process", out=out, reporter=heard)
    assert [each.cell for each in cells] == [each.cell for each in before]
    assert [each.cell.quantizer.bits for each in cells] == [1, 2, 4]
    assert [each.record.key if each.record else None for each in cells] == [*(e.cell.key for e in cells[:2]), None]
    assert "this quantizer always fails" in cells[2].reason
    assert all((each.directory / "record.json").is_file() for each in cells[:2])
    assert heard.counts["Sweep"] == (3, 3)
    assert any("cell failed" in line and cells[2].cell.folder in line for line in heard.lines)
    assert [status.state for status in read_statuses(out)] == ["finished"]


@pytest.mark.parametrize("how", ["run", "sweep"])
def test_a_seed_that_no_board_takes_is_told_beforehand(tiny: object, tmp_path: Path, how: str) -> None:
    heard = Heard()
    if how == "run":
        snnbench.run("float", protocol="tiny", seed=3, out=tmp_path, reporter=heard)
    else:
        grid = {"quantizer": "float", "protocol": "tiny", "seeds": [0, 3, 4]}
        snnbench.sweep(grid, "in-process", out=tmp_path, dry_run=True, reporter=heard)
    told = [line for line in heard.lines if "no leaderboard" in line]
    seeds = [3] if how == "run" else [3, 4]
    assert told == [
        f"tiny: seed {seed} is not one of the protocol's (0), so no leaderboard takes its cells" for seed in seeds
    ]


def test_a_grid_may_be_a_file(tiny: object, tmp_path: Path) -> None:
    file = tmp_path / "grid.toml"
    file.write_text('quantizer = "faulty"\nprotocol = "tiny"\nbits = [1, 2]\n[option]\nhow = "none"\n')
    found = snnbench.sweep(file, out=tmp_path / "out", dry_run=True)
    assert [each.cell for each in found] == [
        each.cell for each in snnbench.sweep(GRIDS[0], out=tmp_path / "out", dry_run=True)
    ]


def test_what_is_wrong_is_said_before_anything_runs(tiny: object, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"(?s)1 of 1 combinations .* no option"):
        snnbench.sweep({"quantizer": "faulty", "protocol": "tiny", "option": {"hoow": 1}}, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


_SCRIPT = """
from pathlib import Path
import snnbench
with Path("started").open("a") as file:
    file.write("once ")
(cell,) = snnbench.sweep({"quantizer": "uniform", "bits": 2, "protocol": "digits-sew8"}, "local:1")
print(cell.record.metrics["firing_emd"].value, cell.reason)
"""


def test_workers_do_not_run_a_script_that_has_no_guard(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(_SCRIPT, "utf-8")
    run = [sys.executable, "script.py"]
    emd, reason = subprocess.run(run, check=True, cwd=tmp_path, stdout=subprocess.PIPE, text=True).stdout.split()
    assert 0 < float(emd) < 1
    assert reason == "None"
    assert (tmp_path / "started").read_text("utf-8") == "once "


def test_the_shelf_s_results_are_written_from_outside() -> None:
    script = Path(__file__).parents[2] / "plugins" / "results.py"
    if not script.exists():
        pytest.skip("the shelf is not beside the tests")
    imported = {
        name
        for node in ast.walk(ast.parse(script.read_text("utf-8")))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert {name for name in imported if name.partition(".")[0] == "snnbench"} == {"snnbench"}
