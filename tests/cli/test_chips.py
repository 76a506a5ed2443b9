from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from snnbench.builtin.chips import snnbench_chips
from snnbench.chips import find_chip
from snnbench.cli.chips import app
from snnbench.errors import PluginError, ProtocolError


def told(*words):
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == 0, result.output
    return result.output


def test_chips_are_listed():
    rows = json.loads(told("list", "--json"))
    assert {"float", "int", "loihi", "speck", "xylo"} <= {row["name"] for row in rows}
    assert all(row["name"] in told("list") for row in rows)


@pytest.mark.parametrize("name", sorted(snnbench_chips()))
def test_a_chip_is_shown_with_its_sources(name):
    chip = find_chip(name)
    shown = told("show", name)
    assert all(source in shown for source in chip.sources)
    assert json.loads(told("show", name, "--json"))["fingerprint"] == chip.fingerprint


def test_a_document_of_ones_own_is_a_chip_too(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(snnbench_chips()["int"].read_text().replace('name = "int"', 'name = "mine"'))
    assert told("show", str(path)).startswith("mine, version 1")


def test_what_there_is_not_is_named(tmp_path):
    with pytest.raises(PluginError, match="no chip 'loihj'; did you mean 'loihi'"):
        find_chip("loihj")
    with pytest.raises(ProtocolError, match="cannot read chip"):
        find_chip(str(tmp_path / "none.toml"))
