"""Grids: what they multiply out to, and what is refused before anything runs."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, strategies

from snnbench.errors import OptionError
from snnbench.records.cell import Cell
from snnbench.sweeps.executors import make_executor
from snnbench.sweeps.executors.base import Resources
from snnbench.sweeps.grid import Grid, make_grid, read_grids
from snnbench.sweeps.plan import Benches, make_plan
from snnbench.sweeps.time_left import Durations, TimeLeft

BASE = {"quantizer": ["lqnet", "uniform"], "protocol": "digits-sew8"}


def plan(**axes: object) -> list:
    return make_plan([make_grid(BASE | axes, "grid")], Benches(None, "cpu"))


@cache
def one_cell() -> Cell:
    return plan(quantizer="lqnet")[0].cell


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
    assert message.startswith("14 of 16 combinations are not valid, nothing was run\n")
    of_bits = "bits=99 clip=narrow,tight mode=ptq seed=0 protocol=digits-sew8,digit-sew8"
    of_clip = "bits=4,99 clip=tight mode=ptq seed=0 protocol=digits-sew8,digit-sew8"
    lines = message.splitlines()
    assert f"bits=99 is outside 1..8 for quantizer 'lqnet' (4 of them: quantizer=lqnet {of_bits})" in lines
    assert (
        f"clip='tight' is not one of narrow, wide for quantizer 'lqnet' (4 of them: quantizer=lqnet {of_clip})" in lines
    )
    assert len(lines) == 6  # the same of uniform, and the protocol
    assert "no protocol 'digit-sew8'; did you mean 'digits-sew8'?" in message


def test_what_is_not_a_product_is_listed_one_by_one() -> None:
    plain = make_grid(BASE | {"quantizer": "lqnet", "bits": 9}, "grid")
    other = make_grid(BASE | {"quantizer": "lqnet", "bits": 9, "seeds": 1, "membrane": "uniform"}, "grid")
    grids = [plain, other]
    with pytest.raises(OptionError) as error:
        make_plan(grids, Benches(None, "cpu"))
    assert "seed=0 protocol=digits-sew8; quantizer=lqnet bits=9 membrane=uniform" in str(error.value)


def test_a_device_that_there_is_not_is_refused_before_anything_runs() -> None:
    with pytest.raises(OptionError, match="--device 'nonsense' cannot be used"):
        make_plan([make_grid(BASE, "grid")], Benches(None, "nonsense"))


@pytest.mark.parametrize(
    ("name", "gpus", "words"),
    [
        ("locl:2", 0, "'locl:2' is not one of in-process, local, local:N, ray or ray://ADDRESS"),
        ("local:0", 0, "a whole number from 1"),
        ("local:two", 0, "a whole number from 1"),
        ("ray:host", 0, "'ray:host' is not one of"),
        ("local:2", 0.5, "--gpus 0.5 is for --executor ray"),
    ],
)
def test_an_executor_that_there_is_not_is_refused(name: str, gpus: float, words: str) -> None:
    with pytest.raises(OptionError, match=words):
        make_executor(name, Resources(gpus=gpus))


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
    assert str(durations.left([], 1, [(qat.cell, 3.0)])).startswith("unknown")


def test_the_time_left_is_that_of_the_slot_that_ends_last() -> None:
    lqnet, uniform = (task.cell for task in plan())
    durations = Durations()
    durations.add(lqnet, 10.0)
    assert durations.left([], 4, [(lqnet, 9.0), (lqnet, 9.0), (lqnet, 9.0), (lqnet, 0.0)]) == TimeLeft(10.0)
    assert durations.left([lqnet] * 3, 2, [(lqnet, 4.0)]) == TimeLeft(20.0)
    assert durations.left([uniform], 1) == TimeLeft(10.0)
    durations.add(uniform, 40.0)
    assert durations.left([lqnet], 1) == TimeLeft(10.0)
    assert durations.left([uniform], 1) == TimeLeft(40.0)


def test_a_cell_that_takes_longer_than_all_before_makes_the_time_a_lower_bound() -> None:
    cell = one_cell()
    durations = Durations()
    durations.add(cell, 10.0)
    assert str(durations.left([cell], 1, [(cell, 9.0)])) == "about 11 s"
    assert str(durations.left([cell], 1, [(cell, 11.0)])) == "more than 10 s"


def test_what_this_sweep_measured_counts_before_what_it_found() -> None:
    cell = one_cell()
    durations = Durations()
    durations.add(cell, 100.0, found=True)
    assert durations.left([cell], 1) == TimeLeft(100.0)
    durations.add(cell, 10.0)
    assert durations.left([cell], 1) == TimeLeft(10.0)


@given(
    seconds=strategies.lists(strategies.floats(0.1, 100.0), min_size=1, max_size=5),
    count=strategies.integers(0, 40),
    slots=strategies.integers(1, 8),
)
def test_the_time_left_keeps_the_bounds_of_list_scheduling(seconds: list[float], count: int, slots: int) -> None:
    cell = one_cell()
    durations = Durations()
    for each in seconds:
        durations.add(cell, each)
    mean = sum(seconds) / len(seconds)
    assert durations.left([cell] * count, slots).seconds == pytest.approx(mean * -(-count // slots))


def test_grid_is_a_value(tiny: Callable) -> None:
    grid = make_grid(BASE, "grid")
    assert Grid.model_validate(grid.model_dump()) == grid
