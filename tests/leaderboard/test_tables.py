"""What a board's table says above its rows."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from oracles.shipped import BOARDS, DIGITS, needs_boards

from snnbench.bench.metrics import ACCURACY, FIRING_EMD, METRICS
from snnbench.leaderboard import Board
from snnbench.leaderboard.board import read_board
from snnbench.leaderboard.ranking import ranked_rows
from snnbench.leaderboard.tables import several_controls, twins


@needs_boards
def test_the_twin_of_a_reference_is_told_where_there_is_one() -> None:
    board = read_board(DIGITS)
    assert twins(board) == ""
    baselines = tuple(one.model_copy(update={"twin": 0.9}) for one in board.protocol.baselines[:1])
    told = twins(replace(board, protocol=board.protocol.model_copy(update={"baselines": baselines})))
    assert "activations of 3 bits" in told
    assert "90.00 %" in told


@needs_boards
def test_what_is_ranked_by_itself_has_a_table_of_its_own() -> None:
    parts = (BOARDS / "cifar10-sew8-v3" / "table.md").read_text("utf-8").split("## ")
    titles = [part.partition("\n")[0] for part in parts[1:]]
    chips = [f"Post-training, seed 0, on {chip}" for chip in ("int", "loihi", "speck")]
    assert titles == ["Post-training, seed 0", "Post-training, seed 1", "Fine-tuned, seed 0", *chips]
    for seed, part in enumerate(parts[1:3]):
        rows = [line.split(" | ") for line in part.splitlines() if line.startswith("| ")]
        assert {row[rows[0].index("seed")] for row in rows[2:]} == {str(seed)}
        assert [row[1].strip() for row in rows].count("float") == 1
    assert "## " not in (DIGITS / "table.md").read_text("utf-8")


@needs_boards
def test_several_controls_of_one_seed_are_told() -> None:
    """Version 4 has rows of two processors for seed 0, and of one for seed 1."""
    folder = BOARDS / "cifar100-sew8-v4"
    records = [json.loads(file.read_text("utf-8")) for file in folder.glob("entries/*/record.json")]
    of_seed_0 = [one for one in records if one["control"] and one["cell"]["seed"] == 0]
    each = Counter((one["environment"]["processor"], one["control"]["accuracy"]["value"]) for one in of_seed_0)
    text = several_controls(ranked_rows(read_board(folder)))
    assert "seed 0 were compared with 2 controls" in text
    assert "seed 1" not in text
    assert len(each) == 2
    for (processor, accuracy), count in each.items():
        assert f"{count} with one of {100 * accuracy:.2f} % ({processor})" in text


@needs_boards
def test_one_control_is_not_told() -> None:
    assert several_controls(ranked_rows(read_board(BOARDS / "cifar10-sew8-hard-v1"))) == ""


@pytest.mark.parametrize("metric", ["accuracy", "firing_emd", "firing_drift", "dead_fraction"])
def test_a_metric_that_failed_makes_a_table_stale_and_not_a_traceback(
    board: Board, told: Callable[..., int], metric: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told("leaderboard", "table", board.folder) == 0
    assert told("leaderboard", "table", "--check", board.folder) == 0
    file = next(board.folder.glob("entries/lqnet-*/record.json"))
    record = json.loads(file.read_text("utf-8"))
    record["metrics"][metric] = {"value": None, "reason": "too few images"}
    file.write_text(json.dumps(record), "utf-8")
    capsys.readouterr()
    ranked = METRICS[metric] in (ACCURACY, FIRING_EMD)
    assert told("leaderboard", "table", "--check", board.folder) == (2 if ranked else 1)
    out, err = capsys.readouterr()
    assert (f"{METRICS[metric].title} of entry 'lqnet-" in err) == ranked
    assert ("Not current" in out) == (not ranked)


def test_boards_with_a_metric_that_failed_are_not_compared(
    board: Board, told: Callable[..., int], tmp_path: Path
) -> None:
    other = Path(shutil.copytree(board.folder, tmp_path / "other"))
    file = next(other.glob("entries/lqnet-*/record.json"))
    record = json.loads(file.read_text("utf-8"))
    record["metrics"]["firing_emd"] = {"value": None, "reason": "too few images"}
    file.write_text(json.dumps(record), "utf-8")
    assert told("leaderboard", "diff", board.folder, other) == 2
