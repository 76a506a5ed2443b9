"""Which rows count: the newest version's, and those of older versions that the newest would measure alike."""

from __future__ import annotations

from pathlib import Path

import pytest
from fixtures.rows import Maker

from snnbench.paper.cases import Rows, read_rows


def test_fine_tuned_rows_of_an_older_version_count_where_training_is_the_same(shipped_boards: Path) -> None:
    rows = {(each.board.name, each.mode): each for each in read_rows(shipped_boards)}
    tuned = rows["cifar10-sew8-brief-v2", "qat"]
    assert {case.board.name for case in tuned.cases} == {"cifar10-sew8-brief-v1", "cifar10-sew8-brief-v2"}
    assert tuned.seeds == (0, 1, 2)
    assert [case.seed for case in tuned.cases if not case.record.cell.quantizes].count(0) == 1
    assert ("cifar10-sew8-brief-v1", "qat") not in rows


@pytest.mark.parametrize(
    ("older", "newest_board"), [("cifar10-sew8-v2", "cifar10-sew8-v3"), ("cifar10-sew8-v4", "cifar10-sew8-v5")]
)
def test_post_training_rows_of_an_older_version_count_where_weights_are_the_same(
    shipped_boards: Path, older: str, newest_board: str
) -> None:
    """However either is fine-tuned: versions 4 and 5 are on different numbers of images."""
    rows = _post_training(shipped_boards, newest_board)
    assert {case.board.name for case in rows.cases} == {older, newest_board}
    cells = {entry.name: entry.record.cell for entry in rows.board.entries}
    newest = {name for name, cell in cells.items() if (cell.mode, cell.chip) == ("ptq", None)}
    assert {case.entry.name for case in rows.cases if case.board is rows.board} == newest
    assert len({case.key for case in rows.cases}) == len(rows.cases)


def test_a_row_has_the_control_that_it_was_compared_with_or_one_of_its_processor(shipped_boards: Path) -> None:
    """Versions 4 and 5 have a control of seed 0 each, which two kinds of processor trained."""
    rows = {(each.board.name, each.mode): each for each in read_rows(shipped_boards)}["cifar100-sew8-v5", "qat"]
    found = [(case, rows.control_of(case)) for case in rows.cases if case.seed == 0]
    assert {control.board.name for _, control in found if control} == {"cifar100-sew8-v4", "cifar100-sew8-v5"}
    for case, control in found:
        assert control is not None
        assert control.record.environment.processor == case.record.environment.processor
        if (control.board.name, case.board.name) != ("cifar100-sew8-v5", "cifar100-sew8-v4"):
            assert case.control is not None
            assert control.value("accuracy") == case.control.accuracy.value


def test_without_its_own_a_row_has_another_control_of_its_seed(make: Maker) -> None:
    case = make.case("x", 2, accuracy=0.7, emd=0.01, mode="qat", seed=1)
    controls = [make.case("float", 32, accuracy=0.8, emd=0.02, mode="qat", seed=seed) for seed in (0, 1)]
    assert make.rows(case, *controls, mode="qat").control_of(case) is controls[1]
    assert make.rows(case, controls[0], mode="qat").control_of(case) is None


def test_a_seed_floor_is_of_references_whatever_board_states_it(shipped_boards: Path) -> None:
    rows = _post_training(shipped_boards, "cifar10-sew8-v3")
    lacking = [case for case in rows.cases if case.record.seed_floor is None]
    stated = {case.record.seed_floor for case in rows.cases} - {None}
    assert lacking
    assert len(stated) == 1
    assert {case.seed_floor for case in lacking} == stated


def _post_training(boards: Path, name: str) -> Rows:
    return next(each for each in read_rows(boards) if (each.board.name, each.mode) == (name, "ptq"))
