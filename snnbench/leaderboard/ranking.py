"""Ranks with ties, and the front: which rows the tests can separate, and which no other row dominates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import binom
from torch import Tensor

from snnbench.bench.metrics import ACCURACY, FIRING_EMD
from snnbench.examine.compare import difference
from snnbench.functional import CONFIDENCE
from snnbench.leaderboard.board import Board, Entry
from snnbench.leaderboard.rescoring import correct
from snnbench.quant.packing import NUMBER_BITS
from snnbench.records.labels import Options, label, shared_options
from snnbench.records.score import Score

Wins = NDArray[np.bool_]


@dataclass(frozen=True)
class Row:
    """An entry in its place. Ranks are ranges, first to last, among the rows of the same mode and seed; a row of
    the ``float`` quantizer has none. The label leaves out options that all rows of a quantizer on the board share."""

    entry: Entry
    label: str
    accuracy_rank: tuple[int, int] | None
    emd_rank: tuple[int, int] | None
    on_front: bool


def ranked_rows(board: Board) -> list[Row]:
    """The board's entries by mode, seed and accuracy, ranked."""
    groups: dict[tuple[str, int], list[Entry]] = {}
    for entry in board.entries:
        groups.setdefault((entry.record.cell.mode, entry.record.cell.seed), []).append(entry)
    return [row for key in sorted(groups) for row in _rank(board, groups[key])]


def accuracy_wins(correct: Tensor) -> Wins:
    """Whether row i is more accurate than row j by the exact McNemar test at 5 %, from correctness bool (n, N)."""
    hits = correct.double()
    lost = (hits @ (1 - hits).T).round().long().numpy()
    fewer, total = np.minimum(lost, lost.T), lost + lost.T
    p_value = np.minimum(1, 2 * binom.cdf(fewer, total, 0.5))
    wins: Wins = (p_value < 1 - CONFIDENCE) & (lost > lost.T)
    return wins


def emd_wins(scores: Sequence[Score]) -> Wins:
    """Whether row i fires more like the reference than row j: their difference's interval is below 0."""
    return np.array([[difference(mine, theirs).high < 0 for theirs in scores] for mine in scores]).reshape(
        len(scores), len(scores)
    )


def rank_ranges(wins: Wins) -> list[tuple[int, int]]:
    """For each row the first and last rank it may have: after the rows that beat it, before the rows that it beats."""
    best, worst = 1 + wins.sum(axis=0), len(wins) - wins.sum(axis=1)
    return [(int(first), int(last)) for first, last in zip(best, worst, strict=True)]


def front(points: NDArray[np.float64]) -> Wins:
    """Whether no other of `points` (n, k), of which less is better, is as good in all and better in one."""
    no_worse = (points[:, None] <= points[None]).all(axis=2)
    better = (points[:, None] < points[None]).any(axis=2)
    dominated: Wins = np.any(no_worse & better, axis=0)
    return ~dominated


def _rank(board: Board, entries: list[Entry]) -> list[Row]:
    ranked = [entry for entry in entries if entry.record.cell.quantizes]
    accuracy: dict[str, tuple[int, int]] = {}
    emd: dict[str, tuple[int, int]] = {}
    if ranked:
        hits, names = torch.stack([correct(board, entry) for entry in ranked]), [entry.name for entry in ranked]
        accuracy = dict(zip(names, rank_ranges(accuracy_wins(hits)), strict=True))
        scores = [entry.record.metrics[FIRING_EMD.name] for entry in ranked]
        emd = dict(zip(names, rank_ranges(emd_wins(scores)), strict=True))
    on_front = front(np.array([(*_merits(entry), *_bits(entry)) for entry in entries]))
    shared = shared_options(entry.record.cell for entry in board.entries)
    rows = [
        Row(entry, _label(entry, shared), accuracy.get(entry.name), emd.get(entry.name), bool(marked))
        for entry, marked in zip(entries, on_front, strict=True)
    ]
    return sorted(rows, key=_order)


def _label(entry: Entry, shared: Mapping[str, Options]) -> str:
    cell = entry.record.cell
    return label(cell, shared[cell.quantizer.name])


def _merits(entry: Entry) -> tuple[float, float]:
    """Accuracy and EMD; less is better."""
    metrics = entry.record.metrics
    return -_value(metrics[ACCURACY.name]), _value(metrics[FIRING_EMD.name])


def _bits(entry: Entry) -> tuple[int, int]:
    """Declared bits of weights and of membranes."""
    cell = entry.record.cell
    return cell.quantizer.bits, cell.membrane.bits if cell.membrane else NUMBER_BITS


def _order(row: Row) -> tuple[bool, float, float, str]:
    record = row.entry.record
    return row.accuracy_rank is not None, *_merits(row.entry), record.cell.folder


def _value(score: Score) -> float:
    assert score.value is not None  # a board refuses failed metrics
    return score.value
