"""Entries measured again: how far they may be from what they say, here and on another machine."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from snnbench.bench.bench import Bench
from snnbench.errors import RecordError
from snnbench.leaderboard import Board, rerun
from snnbench.leaderboard.record_differences import record_differences
from snnbench.leaderboard.rerunning import OPERATIONS_TOLERANCE, Gap, _gap, audit_differences
from snnbench.leaderboard.rerunning import problems as tolerance_problems
from snnbench.records.evaluation import Evaluation
from snnbench.reporting import Silent

Told = Callable[..., int]


def test_measuring_again_gives_the_same_counts(board: Board) -> None:
    assert [verdict.problems for verdict in rerun(board.folder, Silent())] == [()] * 4


def test_an_entry_alone_is_verified_and_measured_again(
    board: Board, told: Told, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = next(folder for folder in board.entry_folders() if folder.name.startswith("lqnet"))
    assert told("leaderboard", "verify", entry, "--rerun", "--json") == 0
    checked, measured = json.loads(capsys.readouterr().out)
    assert checked["name"] == f"{board.name}/{entry.name}"
    assert measured["name"] == f"{board.name}/{entry.name} measured again"
    assert measured["note"] == "predictions and counts are the same; reference: predictions and counts are the same"
    (entry / "evidence.safetensors").write_bytes(b"")
    assert told("leaderboard", "verify", entry, "--json") == 1
    (checked,) = json.loads(capsys.readouterr().out)
    assert checked["problems"]


@pytest.mark.parametrize(
    ("gap", "same_machine", "elsewhere"),
    [
        (Gap(changed=0, drift=0, operations=0.0004, equal=True), 0, 0),
        (Gap(changed=0, drift=1e-9, operations=0.0004, equal=False), 1, 0),
        (Gap(changed=0.0005, drift=2e-5, operations=0.0004, equal=False), 1, 0),
        (Gap(changed=0.0006, drift=2e-5, operations=0.0004, equal=False), 1, 1),
        (Gap(changed=0.0005, drift=2.1e-5, operations=0.0004, equal=False), 1, 1),
        (Gap(changed=0.0006, drift=2.1e-5, operations=0.0004, equal=False), 1, 2),
        (Gap(changed=0.0005, drift=2e-5, operations=0.00041, equal=False), 1, 1),
    ],
)
def test_how_far_a_network_measured_again_may_be(gap: Gap, same_machine: int, elsewhere: int) -> None:
    assert len(list(tolerance_problems(gap, True, "its"))) == same_machine
    assert len(list(tolerance_problems(gap, False, "its"))) == elsewhere


def test_operations_are_measured_again_too(board: Board) -> None:
    said = board.entries[0].evidence
    more = {name: 2 * counts for name, counts in said.operations.layers.items()}
    gap = _gap(said, replace(said, operations=replace(said.operations, layers=more)))
    assert (gap.changed, gap.drift, gap.equal) == (0, 0, False)
    assert gap.operations > OPERATIONS_TOLERANCE
    gap = _gap(said, replace(said, operations=replace(said.operations, layers={"other": next(iter(more.values()))})))
    assert len(list(tolerance_problems(gap, False, "its"))) == 1


def test_evidence_of_other_images_is_not_compared(board: Board) -> None:
    said = board.entries[0].evidence
    with pytest.raises(RecordError, match=f"its evidence is of 3 images, the data of {len(said.predictions)}"):
        _gap(replace(said, predictions=said.predictions[:3]), said)


def test_an_audit_elsewhere_may_differ_in_what_rounding_moves(board: Board) -> None:
    said = next(entry.record.audit for entry in board.entries if entry.name.startswith("lqnet"))

    def differences(exact: bool, **changes: float) -> list[str]:
        first, *others = said.weights
        found = said.model_copy(update={"weights": (first.model_copy(update=changes), *others)})
        return list(audit_differences(said, found, exact))

    assert differences(True) == differences(False) == []
    assert len(differences(True, occupancy=0.123)) == 1
    assert differences(False, occupancy=0.123) == []
    (told,) = differences(False, levels=99)
    assert f"layer {said.weights[0].layer}" in told
    assert "'levels': 99" in told
    found = said.model_copy(update={"findings": ("too many levels",)})
    assert "too many levels" in next(audit_differences(said, found, False))
    older = said.model_copy(update={"float_share": None})
    assert list(audit_differences(older, said, True)) == []
    assert len(list(audit_differences(said, older, True))) == 1


def test_another_network_is_not_the_entrys(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that answers every image otherwise is told from the entry's on either kind of machine."""
    entry = next(folder for folder in board.entry_folders() if folder.name.startswith("lqnet"))
    evaluate = Bench.evaluate

    def other(self: Bench, *words: Any, **options: Any) -> Evaluation:
        found = evaluate(self, *words, **options)
        return replace(found, logits=found.logits.roll(1, dims=1))

    monkeypatch.setattr(Bench, "evaluate", other)
    (here,) = rerun(entry, Silent())
    assert "its evidence is of this kind of machine, and 100.00 % of the predictions" in here.problems[0]
    monkeypatch.setattr("snnbench.leaderboard.rerunning._same_machine", lambda entry: False)
    (elsewhere,) = rerun(entry, Silent())
    assert "100.00 % of its predictions are others; 0.05 % may be" in elsewhere.problems[0]


def test_an_older_lower_end_of_an_interval_is_not_compared(board: Board) -> None:
    found = next(entry.record for entry in board.entries if entry.name.startswith("lqnet"))
    emd = found.metrics["firing_emd"]
    assert emd.low is not None
    for end, told in (
        ("low", []),
        ("high", [f"metrics.firing_emd.high is 0.5 in the record and {emd.high} measured again"]),
    ):
        said = found.model_copy(
            update={"metrics": {**found.metrics, "firing_emd": emd.model_copy(update={end: 0.5})}, "emd_intervals": 1}
        )
        assert list(record_differences(said, found, True)) == told
        newer = said.model_copy(update={"emd_intervals": found.emd_intervals})
        assert len(list(record_differences(newer, found, True))) == 1


@pytest.mark.parametrize(("packed", "memory", "told"), [(32, 32, 0), (0, 32, 1), (32, 0, 1)])
def test_memory_is_compared_without_what_packing_decides(board: Board, packed: int, memory: int, told: int) -> None:
    said = board.entries[0].record
    audit = said.audit.model_copy(update={"packed_bits": said.audit.packed_bits + packed})
    cost = said.cost.model_copy(update={"memory_bits": said.cost.memory_bits + memory})
    found = said.model_copy(update={"audit": audit, "cost": cost})
    assert len(list(record_differences(said, found, True))) == told
