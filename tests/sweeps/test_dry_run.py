"""`--dry-run`: what is done, what is left, and for how long; it writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from snnbench.sweeps.dry_run import foresee


def test_a_dry_run_tells_done_failed_damaged_and_left(tiny: Callable, sweep: Callable, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done, bad, damaged, left = tiny(bits=1), tiny("raise"), tiny(bits=2), tiny(bits=[3, 4])
    fresh = foresee([*done, *left], out, 1)
    assert set(fresh.cells.values()) == {"to do"}
    assert fresh.document()["seconds"] is None
    assert not out.exists()
    sweep([*done, *bad, *damaged], out)
    next(out.glob("*/faulty-2bit*/record.json")).write_bytes(b"{")
    before = sorted(out.rglob("*"))
    foresight = foresee([*done, *bad, *damaged, *left], out, 1)
    assert list(foresight.cells.values()) == ["done", "failed", "damaged", "to do", "to do"]
    assert foresight.document()["seconds"] is not None
    assert str(foresight).startswith(
        "5 cells: 1 damaged, 1 done, 1 failed, 2 to do; time expected with 1 at a time: about "
    )
    assert sorted(out.rglob("*")) == before


def test_cells_of_another_grid_tell_the_time(tiny: Callable, sweep: Callable, tmp_path: Path) -> None:
    out = tmp_path / "out"
    sweep(tiny(bits=1), out)
    assert foresee(tiny(bits=[3, 4]), out, 1).left.unknown == ()
    next(out.glob("*/faulty-1bit*/record.json")).write_bytes(b"{")
    assert foresee(tiny(bits=[3, 4]), out, 1).left.unknown != ()
