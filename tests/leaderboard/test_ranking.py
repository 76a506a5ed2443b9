"""Who is ahead of whom, against plain loops and pairwise tests."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from snnbench.functional import holm, mcnemar_test
from snnbench.leaderboard import Board
from snnbench.leaderboard.ranking import (
    Row,
    _ranked_emd,
    accuracy_wins,
    difference,
    emd_wins,
    front,
    grouped,
    rank_ranges,
)
from snnbench.records.score import Score


@given(st.integers(1, 6), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_accuracy_wins_against_pairwise_tests(rows: int, samples: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    hits = torch.rand(rows, samples, generator=generator) < torch.rand(rows, 1, generator=generator)
    wins, pairs = accuracy_wins(hits), list(combinations(range(rows), 2))
    tests = [mcnemar_test(hits[i], hits[j]) for i, j in pairs]
    adjusted = holm(np.array([test.p_value for test in tests]))
    for (i, j), test, p_value in zip(pairs, tests, adjusted, strict=True):
        assert wins[i, j] == (p_value < 0.05 and test.gained > test.lost)
        assert wins[j, i] == (p_value < 0.05 and test.gained < test.lost)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=8))
def test_front_against_plain_loops(points: list[tuple[int, int, int]]) -> None:
    def dominated(point: tuple[int, ...]) -> bool:
        return any(all(a <= b for a, b in zip(o, point, strict=True)) and o != point for o in points)

    assert front(np.array(points, dtype=float)).tolist() == [not dominated(point) for point in points]


def test_rank_ranges() -> None:
    wins = np.array([[0, 0, 1], [0, 0, 1], [0, 0, 0]], dtype=bool)
    assert rank_ranges(wins) == [(1, 2), (1, 2), (3, 3)]


def test_intervals_that_overlap_are_a_tie() -> None:
    near, alike, far = (Score(value=v, low=v - 0.01, high=v + 0.01) for v in (0.1, 0.11, 0.5))
    assert emd_wins([near, alike, far]).tolist() == [[False, False, True], [False, False, True], [False] * 3]
    assert difference(near, far).high == pytest.approx(-0.4 + np.hypot(0.01, 0.01))


def test_rows_are_grouped_by_what_they_are_ranked_among() -> None:
    def row(mode: str, seed: int, chip: str = "") -> Row:
        cell = SimpleNamespace(mode=mode, seed=seed, chip=SimpleNamespace(name=chip) if chip else None)
        return Row(SimpleNamespace(record=SimpleNamespace(cell=cell)), "a", None, None, False)  # type: ignore[arg-type]

    rows = [row("ptq", 0), row("ptq", 0), row("ptq", 1), row("qat", 0), row("ptq", 0, "loihi")]
    titles = ["Post-training, seed 0", "Post-training, seed 1", "Fine-tuned, seed 0", "Post-training, seed 0, on loihi"]
    assert [title for title, _ in grouped(rows)] == titles
    assert [len(own) for _, own in grouped(rows)] == [2, 1, 1, 1]
    assert grouped(rows[:2]) == [("", rows[:2])]
    assert grouped([]) == []


def test_a_protocol_may_rank_by_the_layers_that_quantization_reaches(board: Board) -> None:
    rules = board.protocol.evaluate.model_copy(update={"ranks_by": "reached"})
    other = replace(board, protocol=board.protocol.model_copy(update={"evaluate": rules}))
    record = (entry := next(each for each in board.entries if each.name.startswith("lqnet"))).record
    assert record.reached is not None
    assert _ranked_emd(board, entry) == record.metrics["firing_emd"]
    assert _ranked_emd(other, entry) == record.reached.firing_emd
    diluted, reached = (each.value for each in (record.metrics["firing_emd"], record.reached.firing_emd))
    assert diluted is not None
    assert reached is not None
    assert 0 < diluted < reached
