"""Grids: what they multiply out to, and what is refused before anything runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from snnbench.bench.sweep.estimate import Durations
from snnbench.bench.sweep.grid import Grid, make_grid, read_grids
from snnbench.bench.sweep.plan import Benches, make_plan
from snnbench.errors import OptionError

BASE = {"quantizer": ["lqnet", "uniform"], "protocol": "digits-sew8"}


def plan(**axes: object) -> list:
    return make_plan([make_grid(BASE | axes, "grid")], Benches(None, "cpu"))


@pytest.mark.parametrize(
    ("axes", "count"),
    [
        ({}, 2),
        ({"bits": [2, 4, 6, 8]}, 8),
        ({"bits": [2, 4], "option": {"clip": ["narrow", "wide"]}, "mode": ["ptq", "qat"], "seeds": "0-2"}, 48),
        ({"membrane": ["none", "uniform"], "membrane_bits": [4, 8]}, 6),
        ({"bits": [4, 4]}, 2),
        ({"seeds": "0,3-4"}, 6),
    ],
)
def test_a_grid_is_the_product_of_its_axes(axes: dict, count: int) -> None:
    tasks = plan(**axes)
    assert len({task.cell.key for task in tasks}) == len(tasks) == count


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(OptionError) as error:
        plan(bits=[4, 99], option={"clip": ["narrow", "tight"]}, protocol=["digits-sew8", "digit-sew8"])
    message = str(error.value)
    assert message.startswith("14 of 16 combinations are not valid, nothing was run")
    for words in ("bits=99", "'tight'", "digit-sew8"):
        assert words in message


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"bitz": 4}, "unknown key 'bitz'"),
        ({"seeds": "0-x"}, "'0-x' is neither a seed nor a range"),
        ({"mode": "both"}, "'mode'"),
        ({"membrane_bits": 4}, "no membrane quantizer"),
        ({"bits": []}, "'bits'"),
    ],
)
def test_a_malformed_grid_is_refused(document: dict, words: str) -> None:
    with pytest.raises(OptionError, match=words):
        make_grid(BASE | document, "the grid")


def test_a_file_holds_one_grid_or_several(tmp_path: Path) -> None:
    path = tmp_path / "grid.toml"
    path.write_text(
        'protocol = "digits-sew8"\n[[grid]]\nquantizer = "lqnet"\nbits = [2, 4]\n[[grid]]\nquantizer = "float"\n',
        "utf-8",
    )
    first, second = read_grids(path, {"seeds": "0-1"})
    assert (first.bits, first.seeds, second.quantizer) == ((2, 4), (0, 1), ("float",))
    path.write_text('quantizer = "lqnet"\n', "utf-8")
    with pytest.raises(OptionError, match="'protocol' is missing"):
        read_grids(path, {})


def test_options_given_as_text_and_as_numbers_are_one_cell(tmp_path: Path) -> None:
    assert [t.cell.key for t in plan(bits=[4])] == [t.cell.key for t in plan(bits=4, option={"clip": "narrow"})]


def test_the_time_left_is_unknown_until_a_cell_of_the_kind_is_done() -> None:
    ptq, qat = plan(mode=["ptq", "qat"], quantizer="lqnet")
    durations = Durations()
    assert str(durations.left([ptq.cell], 1)).startswith("unknown")
    durations.add(ptq.cell, 10.0)
    assert durations.left([ptq.cell] * 6, 2).seconds == pytest.approx(30.0)
    assert durations.left([ptq.cell], 2).seconds == pytest.approx(10.0)
    assert str(durations.left([ptq.cell, qat.cell], 1)).startswith("more than 10 s")


def test_grid_is_a_value(tiny: Callable) -> None:
    grid = make_grid(BASE, "grid")
    assert Grid.model_validate(grid.model_dump()) == grid
