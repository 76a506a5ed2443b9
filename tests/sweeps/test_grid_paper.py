"""The documents of the paper's grid are valid, and ask for every cell that the decision rules compare."""

from __future__ import annotations

from pathlib import Path

import pytest

from snnbench.plugins import catalogue
from snnbench.records.cell import Cell
from snnbench.sweeps.grid import read_grids
from snnbench.sweeps.plan import Benches, make_plan

FOLDER = Path(__file__).resolve().parents[2] / "leaderboards" / "paper-grid"
DOCUMENTS = sorted(FOLDER.glob("*.toml"))
BITS = (2, 4, 6, 8)

pytestmark = pytest.mark.skipif(not DOCUMENTS, reason="not a checkout: there is no folder leaderboards/paper-grid")


def cells(document: Path) -> list[Cell]:
    grids = read_grids(document, {"protocol": "digits-sew8"})
    named = {name for grid in grids for name in (*grid.quantizer, *grid.membrane)} - {"none"}
    missing = sorted(named - set(catalogue().quantizers))
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    return [task.cell for task in make_plan(grids, Benches(None, "cpu"))]


def weights(found: list[Cell]) -> set[tuple[str, int, object]]:
    return {
        (cell.quantizer.name, cell.quantizer.bits, cell.quantizer.options.get("clip"))
        for cell in found
        if cell.membrane is None and cell.quantizer.options.get("grid", "endpoint") == "endpoint"
    }


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_every_document_is_a_grid_of_one_mode(document: Path) -> None:
    found = cells(document)
    assert {cell.mode for cell in found} == {"ptq" if "ptq" in document.stem else "qat"}


def test_post_training_cells_of_every_claim_are_asked_for() -> None:
    found = cells(FOLDER / "1-claims-ptq.toml")
    assert weights(found) >= {(n, b, c) for n in ("uniform", "lqnet") for b in BITS for c in ("narrow", "wide")}
    membranes = {
        (cell.membrane.bits, cell.membrane.options["range"], cell.membrane.site) for cell in found if cell.membrane
    }
    assert membranes == {
        (bits, kind, site) for bits in BITS for kind in ("signed", "unsigned") for site in ("post_reset", "pre_spike")
    }


def test_fine_tuned_cells_of_every_claim_are_asked_for_in_three_seeds() -> None:
    first = cells(FOLDER / "2-claims-qat.toml")
    more = cells(FOLDER / "5-claims-qat-seeds.toml")
    rest = {(n, b, c) for n in ("uniform", "lqnet") for b in (2, 4) for c in ("narrow", "wide")}
    assert weights(first) >= rest
    for seed in (1, 2):
        seeded = [cell for cell in more if cell.seed == seed]
        assert weights(seeded) >= rest
        assert {(c.membrane.name, c.membrane.bits) for c in seeded if c.membrane} >= {("uniform", 2), ("lqnet", 2)}
    every = weights(first) | weights(cells(FOLDER / "6-wider-qat.toml"))
    assert every >= {(n, b, c) for n in ("uniform", "lqnet") for b in BITS for c in ("narrow", "wide")}
