"""Records, protocols and evidence grow by fields with defaults: what was written before stays as valid as it was."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from oracles.shipped import BOARDS, needs_boards
from torch import Tensor

from snnbench.leaderboard import read_board, verify
from snnbench.protocols import document
from snnbench.protocols.document import Protocol, Training, read_protocol
from snnbench.records import evidence, record
from snnbench.records.cell import Cell, QuantizerSpec
from snnbench.records.evidence import Evidence, read_evidence
from snnbench.records.record import Audit, Cost, Record, WeightRow, read_record
from snnbench.records.schema import RecordPart, added
from snnbench.records.score import Score

FILED = sorted(folder for folder in BOARDS.glob("*-v*") if folder.is_dir())
pytestmark = needs_boards
by_board = pytest.mark.parametrize("folder", FILED, ids=lambda folder: folder.name)


class WiderScore(Score):
    unit: str = added("")


class WiderCost(Cost):
    spikes: Score | None = added(None)


class WiderRow(WeightRow):
    zeros: int = added(0)


class WiderAudit(Audit):
    weights: tuple[WiderRow, ...]
    seen: tuple[str, ...] = added(())


class WiderQuantizer(QuantizerSpec):
    licence: str | None = added(None)


class WiderCell(Cell):
    quantizer: WiderQuantizer
    precision: str = added("float32")


class WiderRecord(Record):
    cell: WiderCell
    metrics: dict[str, WiderScore]
    cost: WiderCost
    audit: WiderAudit
    remarks: dict[str, str] = added({})


class WiderTraining(Training):
    engine: str = "eager"


class WiderProtocol(Protocol):
    finetune: WiderTraining
    yardstick: str | None = None


@dataclass(frozen=True)
class WiderEvidence(Evidence):
    second_choices: Tensor | None = None


@pytest.fixture
def grown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "Record", WiderRecord)
    monkeypatch.setattr(document, "Protocol", WiderProtocol)
    monkeypatch.setattr(evidence, "Evidence", WiderEvidence)


@pytest.mark.usefixtures("grown")
@by_board
def test_every_board_verifies_after_fields_are_added(folder: Path) -> None:
    board = read_board(folder)
    assert isinstance(board.protocol, WiderProtocol)
    assert {type(entry.record) for entry in board.entries} <= {WiderRecord}
    assert {type(entry.evidence) for entry in board.entries} <= {WiderEvidence}
    assert [verdict.problems for verdict in verify(folder) if verdict.problems] == []


@pytest.mark.usefixtures("grown")
@by_board
def test_what_was_not_set_is_not_written(folder: Path) -> None:
    for entry in read_board(folder).entries:
        said = json.loads((entry.folder / "record.json").read_bytes())
        assert _without_nulls(json.loads(entry.record.to_json())) == _without_nulls(said)


@by_board
def test_an_added_key_of_a_protocol_is_in_its_fingerprint_only_where_it_is_set(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = read_protocol(folder / "protocol.toml").fingerprint
    monkeypatch.setattr(document, "Protocol", WiderProtocol)
    assert read_protocol(folder / "protocol.toml").fingerprint == before
    changed = tmp_path / "protocol.toml"
    changed.write_text('yardstick = "a"\n' + (folder / "protocol.toml").read_text("utf-8"), "utf-8")
    assert read_protocol(changed).fingerprint != before


@pytest.mark.usefixtures("grown")
def test_a_field_that_is_set_is_written_read_and_part_of_the_key(tmp_path: Path) -> None:
    filed = read_record(next(FILED[0].glob("entries/*")))
    cell = filed.cell.model_copy(update={"precision": "bfloat16"})
    assert cell.key != filed.cell.key
    changed = filed.model_copy(update={"remarks": {"a": "b"}, "cell": cell, "key": cell.key})
    (tmp_path / "record.json").write_text(changed.to_json())
    assert read_record(tmp_path) == changed


@pytest.mark.usefixtures("grown")
def test_an_added_tensor_is_read_where_it_is_there() -> None:
    file = next(FILED[0].glob("entries/*")) / "evidence.safetensors"
    found = read_evidence(file)
    assert isinstance(found, WiderEvidence)
    assert found.second_choices is None
    tensors = evidence.load(file.read_bytes()) | {"second_choices": found.predictions.to(torch.uint8)}
    again = evidence.evidence_from(dict(tensors))
    assert torch.equal(again.second_choices, found.predictions)


def test_a_tensor_that_nobody_knows_is_refused() -> None:
    file = next(FILED[0].glob("entries/*")) / "evidence.safetensors"
    tensors = evidence.load(file.read_bytes())
    with pytest.raises(ValueError, match="second_choices"):
        evidence.evidence_from(tensors | {"second_choices": tensors["predictions"]})


def test_a_default_that_is_given_is_the_default() -> None:
    class Grown(RecordPart):
        old: int
        new: str = added("usual")

    assert Grown(old=1, new="usual").model_dump_json() == Grown(old=1).model_dump_json() == '{"old":1}'
    assert Grown(old=1, new="other").model_dump() == {"old": 1, "new": "other"}


def _without_nulls(content: object) -> object:
    if isinstance(content, dict):
        return {key: _without_nulls(value) for key, value in content.items() if value is not None}
    return [_without_nulls(value) for value in content] if isinstance(content, list) else content
