"""Costs that plugins bring: asked for by a protocol, in the record, on its board, and in the report of a network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import snnbench
from snnbench.bench.costs import find_costs
from snnbench.errors import PluginError, ProtocolError
from snnbench.leaderboard import add, verify
from snnbench.leaderboard.board import read_board
from snnbench.leaderboard.scorecard import cost_lines
from snnbench.leaderboard.tables import table
from snnbench.plugins import catalogue
from snnbench.protocols import read_protocol
from snnbench.records.record import read_record

PLUGIN = """
    from snnbench import hookimpl

    def per_spike(work):
        "One picojoule a spike; all else is left out."
        return sum(load.spikes for load in work.neurons.values())

    def broken(work):
        "Fails."
        return 1 / 0

    @hookimpl
    def snnbench_costs():
        return {"per-spike": per_spike, "broken": broken}
"""


@pytest.fixture
def protocol(install, tmp_path: Path) -> Path:
    """A copy of digits-sew8 that asks for the plugin's costs."""
    install("snnbench-mine", PLUGIN, version="2.5")
    catalogue.cache_clear()
    shipped = catalogue().protocols["digits-sew8"].value
    for file in shipped.parent.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    text = shipped.read_text("utf-8").replace('name = "digits-sew8"', 'name = "digits-costs"')
    path = tmp_path / "protocol.toml"
    path.write_text(text.replace("[evaluate]\n", '[evaluate]\ncosts = ["per-spike", "broken", "lemaire"]\n'))
    yield path
    catalogue.cache_clear()


def test_they_are_in_the_record_and_on_the_board(protocol: Path, tmp_path: Path) -> None:
    (cell,) = snnbench.run("lqnet", 4, protocol=str(protocol), out=tmp_path / "cells")
    (plain,) = snnbench.run("lqnet", 4, protocol="digits-sew8", out=tmp_path / "cells")
    record, rows = cell.record, cell.record.layers
    spikes = sum(row.neurons * row.firing_rate for row in rows) * 4
    assert record.costs["per-spike"].value == pytest.approx(spikes, rel=1e-9)
    assert record.costs["broken"].reason == "cost 'broken' failed: ZeroDivisionError: division by zero"
    assert record.cost_sources["per-spike"] == "snnbench-mine 2.5"
    assert record.cost_sources["lemaire"].startswith("snnbench ")
    assert (record.metrics, record.cost) == (plain.record.metrics, plain.record.cost)
    assert (plain.record.costs, plain.record.cost_sources) == ({}, {})

    lines = {line.name: line.value for line in cost_lines(record)}
    assert lines["per-spike, nanojoules"] == f"{spikes / 1000:.1f}"
    assert lines["broken, nanojoules"] == "failed"
    entry = add(cell.directory, tmp_path / "boards")
    assert [problem for verdict in verify(entry) for problem in verdict.problems] == []
    assert table(read_board(entry.parents[1]))["per-spike"].tolist() == [pytest.approx(spikes, rel=1e-9)]


def test_memory_costs_what_the_report_says(protocol: Path, tmp_path: Path) -> None:
    (cell,) = snnbench.run("lqnet", 4, protocol=str(protocol), out=tmp_path / "cells", limit=100)
    reference = snnbench.load(str(protocol))
    quantized = snnbench.quantize(reference, "lqnet", bits=4)
    document = read_protocol(protocol)
    images, labels = catalogue().datasets["digits"].value.load(None, "test")
    pixels = torch.from_numpy(images[:100]).float() / 255
    mean, std = (torch.tensor(each).view(-1, 1, 1) for each in (document.data.mean, document.data.std))
    batches = [((pixels - mean) / std, torch.from_numpy(labels[:100]))]
    report = snnbench.report(reference, quantized, batches, costs=["per-spike", "lemaire"])
    assert report["quantized"].value("lemaire") == report["quantized"].value("memory_energy")
    for name in ("per-spike", "lemaire"):
        assert report["quantized"].value(name) == pytest.approx(cell.record.costs[name].value / 1000, rel=1e-9)


def test_a_board_s_record_holds_what_its_protocol_asks_for(protocol: Path, tmp_path: Path) -> None:
    (cell,) = snnbench.run("float", protocol=str(protocol), out=tmp_path / "cells")
    entry = add(cell.directory, tmp_path / "boards")
    document = json.loads((entry / "record.json").read_bytes())
    document["costs"]["mine"] = document["costs"].pop("lemaire")
    (entry / "record.json").write_text(json.dumps(document))
    problems = {problem for verdict in verify(entry) for problem in verdict.problems}
    assert {"no cost is called mine", "it lacks cost lemaire, which its protocol asks for"} <= problems
    assert read_record(entry).costs.keys() == {"per-spike", "broken", "mine"}


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("per-spik", PluginError, "no cost 'per-spik'; did you mean 'per-spike'"),
        ("events", ProtocolError, "cost 'events', which every record has"),
    ],
)
def test_a_cost_that_cannot_be_asked_for(protocol: Path, name: str, error: type[Exception], message: str) -> None:
    rules = read_protocol(protocol).evaluate.model_copy(update={"costs": (name,)})
    with pytest.raises(error, match=message):
        find_costs(rules)


def test_a_protocol_without_them_keeps_its_fingerprint(protocol: Path) -> None:
    asking = read_protocol(protocol)
    plain = asking.model_copy(update={"evaluate": asking.evaluate.model_copy(update={"costs": ()})})
    assert plain.fingerprint == asking.model_validate(plain.model_dump(exclude_defaults=True)).fingerprint
    assert "costs" not in plain.model_dump(exclude_defaults=True)["evaluate"]
    assert plain.fingerprint != asking.fingerprint
