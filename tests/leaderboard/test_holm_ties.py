"""Boards of equal rows: the correction for the number of pairs keeps wins by chance rare."""

from __future__ import annotations

import numpy as np
import torch

from snnbench.leaderboard.ranking import accuracy_wins, emd_wins
from snnbench.records.score import Score

BOARDS, ROWS, IMAGES = 200, 12, 2000


def test_a_board_of_equal_rows_shows_a_win_in_accuracy_on_at_most_one_in_twenty() -> None:
    generator = torch.Generator().manual_seed(0)
    hits = torch.rand(BOARDS, ROWS, IMAGES, generator=generator) < 0.8
    share = np.mean([accuracy_wins(board).any() for board in hits])
    assert share <= 0.05 + 3 * (0.05 * 0.95 / BOARDS) ** 0.5


def test_a_board_of_equal_rows_shows_a_win_in_emd_on_at_most_one_in_twenty() -> None:
    """Intervals of the width that the spread of the values has."""
    random = np.random.default_rng(0)
    reach = 2.093 * 0.0001
    boards = 0.01 + 0.0001 * random.standard_normal((BOARDS, ROWS))
    share = np.mean(
        [emd_wins([Score(value=v, low=v - reach, high=v + reach) for v in board]).any() for board in boards]
    )
    assert share <= 0.05 + 3 * (0.05 * 0.95 / BOARDS) ** 0.5


def test_real_differences_are_still_wins() -> None:
    generator = torch.Generator().manual_seed(0)
    hits = torch.rand(3, IMAGES, generator=generator) < torch.tensor([[0.9], [0.8], [0.3]])
    assert accuracy_wins(hits).tolist() == [[False, True, True], [False, False, True], [False, False, False]]
    scores = [Score(value=v, low=0.9 * v, high=1.1 * v) for v in (0.001, 0.002, 0.1)]
    assert emd_wins(scores).tolist() == [[False, True, True], [False, False, True], [False, False, False]]
