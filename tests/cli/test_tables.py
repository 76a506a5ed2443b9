"""The table of a run fits the terminal without cutting a number."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from oracles.shipped import BOARDS, needs_boards
from rich.console import Console

from snnbench.bench.metrics import FIRING_EMD, asked, columns
from snnbench.cli.tables import results_table
from snnbench.examine import behaviour as module
from snnbench.examine.behaviour import Behaviour
from snnbench.functional.table import LayerRow
from snnbench.records.record import Record, read_record

NEWEST = sorted(BOARDS.glob("cifar10-sew8-v5/entries/*seed0*"))


def shown(records: list[Record], width: int) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(results_table(records, width))
    return console.file.getvalue()


@needs_boards
@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_what_finds_no_place_is_named_and_nothing_is_cut(width: int) -> None:
    records = [read_record(entry) for entry in NEWEST]
    text = shown(records, width)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    words = " ".join(text.split())
    for metric in columns(asked(records)):
        first = metric.heading.replace("accuracy", "acc.").split(" %")[0]
        assert first in words.partition("Not shown")[0] or metric.heading in words.partition("Not shown")[2]
        if metric.name in ("accuracy", FIRING_EMD.name):
            assert all(metric.shown(record.metrics[metric.name]) in words for record in records)
    assert ("Not shown" in text) == (width < 200)


@needs_boards
def test_a_long_option_is_folded_and_not_cut() -> None:
    record = read_record(NEWEST[0])
    named = record.cell.quantizer.model_copy(update={"options": {"rounding": "stochastic-to-nearest"}})
    cell = record.cell.model_copy(update={"quantizer": named})
    text = shown([record.model_copy(update={"cell": cell})], 80)
    assert "…" not in text
    assert "drift" in text.partition("Not shown")[0]
    assert "rounding=stochastic-to-nearest" in "".join(line[1:14].strip() for line in text.splitlines()[4:12])


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch, cli: Callable[..., Any]) -> Callable[..., str]:
    """What a command prints in a terminal of sixty columns."""
    monkeypatch.setenv("COLUMNS", "60")
    return lambda *arguments: cli(*arguments).out


def test_behaviour_cuts_no_number(narrow: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    name = "blocks.2_1.shortcut.neuron"
    shares = {"dead": 0.3, "reference_dead": 0.3, "newly_dead": 0.01, "revived": 0.02, "saturated": 0.0}
    row = LayerRow(name, 9, 0.1846, 0.1859, 0.0031, 0.0012, 0.001, 0.0175, 0.02, None, **shares)
    outcomes = Counter[str]()  # whatever is asked for is 0
    found = Behaviour("a-cell", 40, outcomes, (row,), {name: 0.1234}, name)
    monkeypatch.setattr(module, "behaviour", lambda *_, **__: found)
    out = " ".join(narrow("behaviour", "a-cell").split())
    for shown in (
        "0.1846 0.1859 0.0031 0.0012 0.001",
        "Not shown, for want of width: differ %, dead %, newly dead, revived",
    ):
        assert shown in out
    assert "…" not in out


@pytest.mark.parametrize("verb", [("baseline", "list"), ("plugins", "list"), ("data", "list")], ids=" ".join)
def test_a_list_cuts_nothing(narrow: Callable[..., str], verb: tuple[str, ...]) -> None:
    out = narrow(*verb)
    assert "…" not in out
    assert max(map(len, out.splitlines())) <= 60


def test_the_list_of_baselines_names_what_finds_no_place(narrow: Callable[..., str]) -> None:
    out = narrow("baseline", "list")
    assert "98.89 %" in out
    assert "Not shown, for want of width: SHA-256" in out
