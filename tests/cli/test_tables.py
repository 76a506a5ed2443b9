"""The table of a run fits the terminal without cutting a number."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from snnbench.bench.metrics import FIRING_EMD, asked, columns
from snnbench.cli.tables import results_table
from snnbench.records.record import Record, read_record

BOARDS = Path(__file__).parents[2] / "leaderboards"
NEWEST = sorted(BOARDS.glob("cifar10-sew8-v5/entries/*seed0*"))


def shown(records: list[Record], width: int) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(results_table(records, width))
    return console.file.getvalue()


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


def test_a_long_option_is_folded_and_not_cut() -> None:
    record = read_record(NEWEST[0])
    named = record.cell.quantizer.model_copy(update={"options": {"rounding": "stochastic-to-nearest"}})
    cell = record.cell.model_copy(update={"quantizer": named})
    text = shown([record.model_copy(update={"cell": cell})], 80)
    assert "…" not in text
    assert "drift" in text.partition("Not shown")[0]
    assert "rounding=stochastic-to-nearest" in "".join(line[1:14].strip() for line in text.splitlines()[4:12])
