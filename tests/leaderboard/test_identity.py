"""The command that measures a record's cell again."""

from __future__ import annotations

import shlex
from itertools import pairwise
from pathlib import Path

from snnbench.leaderboard.identity import command
from snnbench.options import parse_pairs
from snnbench.records.cell import membrane_spec
from snnbench.records.record import read_record


def test_it_can_be_typed(results: list[Path]) -> None:
    record = read_record(results[0])
    typed = membrane_spec("uniform", 4, {"site": "pre_spike"})
    membrane = typed.model_copy(update={"options": {**typed.options, "scale": None}})
    named = record.cell.quantizer.model_copy(update={"options": {"name": "a b; c"}})
    cell = record.cell.model_copy(update={"quantizer": named, "membrane": membrane, "device": "cuda:1"})
    words = list(pairwise(shlex.split(command(record.model_copy(update={"cell": cell})))))
    options = parse_pairs(word for flag, word in words if flag == "--membrane-option")
    assert membrane_spec("uniform", 4, options) == typed
    assert [word for flag, word in words if flag == "--option"] == ["name=a b; c"]
    assert ("--device", "cuda:1") in words
    assert "--device" not in command(record)
