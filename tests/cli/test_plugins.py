from __future__ import annotations

import json

import snnbench

ROUND = """
from typing import Annotated, Literal

from pydantic import Field

from snnbench import hookimpl

def rounded(tensor, *, bits: Annotated[int, Field(ge=2, le=6)], clip: Literal["near", "far"] = "near"):
    \"\"\"Rounds to the nearest
    level.

    More of it.
    \"\"\"

@hookimpl
def snnbench_quantizers():
    return {"rounded": rounded}
"""


def test_list_shows_every_part_with_its_distribution(cli, install):
    install("snnbench-round", ROUND, version="3.1")
    code, out, err = cli("plugins", "list")
    rows = [line.split() for line in out.splitlines()]
    assert (code, err) == (0, "")
    assert rows[0] == ["kind", "name", "distribution", "version", "status"]
    assert ["quantizer", "rounded", "snnbench-round", "3.1", "ok"] in rows
    assert ["quantizer", "lqnet", "snnbench", snnbench.__version__, "ok"] in rows


def test_list_shows_what_is_broken_in_full(cli, install):
    install("snnbench-bad", f"raise OSError('{'long ' * 40}end')")
    code, out, _ = cli("plugins", "list")
    assert code == 0
    assert f"broken: snnbench-bad, snnbench-bad: OSError: {'long ' * 40}end" in out.splitlines()


def test_list_as_json(cli, install):
    install("snnbench-bad", "import no_such_module")
    install("snnbench-round", ROUND)
    install("snnbench-too", ROUND)
    rows = json.loads(cli("plugins", "list", "--json").out)
    bad = next(row for row in rows if row["distribution"] == "snnbench-bad")
    assert bad["status"] == "broken"
    assert bad["error"] == "ModuleNotFoundError: No module named 'no_such_module'"
    assert bad["traceback"].startswith("Traceback")
    claims = [row for row in rows if row["name"] == "rounded"]
    assert [(row["distribution"], row["status"]) for row in claims] == [
        ("snnbench-round", "broken"),
        ("snnbench-too", "broken"),
    ]
    assert all("claimed by snnbench-round 1.0" in row["error"] and "snnbench-too" in row["error"] for row in claims)


def test_show_tells_the_options(cli, install):
    install("snnbench-round", ROUND)
    code, out, err = cli("plugins", "show", "rounded")
    assert (code, err) == (0, "")
    assert [" ".join(line.split()) for line in out.splitlines()] == [
        "quantizer rounded, from snnbench-round 1.0",
        "Rounds to the nearest level.",
        "option type default allowed",
        "bits whole number required 2..6",
        "clip choice near near, far",
    ]


def test_show_as_json(cli, install):
    install("snnbench-round", ROUND)
    (part,) = json.loads(cli("plugins", "show", "rounded", "--json").out)
    assert part == {
        "kind": "quantizer",
        "name": "rounded",
        "distribution": "snnbench-round",
        "version": "1.0",
        "entry_point": "snnbench-round = snnbench_round",
        "about": "Rounds to the nearest level.",
        "options": [
            {"name": "bits", "type": "whole number", "default": None, "required": True, "allowed": "2..6"},
            {"name": "clip", "type": "choice", "default": "near", "required": False, "allowed": "near, far"},
        ],
    }


def test_show_a_data_set_and_a_protocol(cli):
    assert "10 classes, images of 1 x 8 x 8 (channels, height, width)" in cli("plugins", "show", "digits").out
    assert "protocol.toml" in cli("plugins", "show", "digits-sew8").out


def test_show_tells_whose_name_it_is_when_two_claim_it(cli, install):
    install("snnbench-round", ROUND)
    install("snnbench-too", ROUND)
    code, out, err = cli("plugins", "show", "rounded")
    assert (code, out) == (2, "")
    assert err.startswith("Error: quantizer 'rounded' is claimed by snnbench-round 1.0 (")
    assert err.count("\n") == 1
