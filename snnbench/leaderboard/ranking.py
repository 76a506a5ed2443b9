"""Ranks with ties, and the front: which rows the tests can separate, and which no other row dominates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import binom
from scipy.stats import t as student
from torch import Tensor

from snnbench.bench.metric import Metric
from snnbench.bench.metrics import ACCURACY, FIRING_EMD
from snnbench.errors import RecordError
from snnbench.examine.compare import difference
from snnbench.functional import CONFIDENCE, SHARDS, Estimate, holm
from snnbench.leaderboard.board import Board, Entry
from snnbench.leaderboard.rescoring import correct
from snnbench.quant.packing import NUMBER_BITS
from snnbench.records import words
from snnbench.records.score import Score

Wins = NDArray[np.bool_]


@dataclass(frozen=True)
class Row:
    """An entry in its place. Ranks are ranges, first to last, among the rows of the same chip (or none), mode and seed,
    on a chip by what the network does there; a row of the ``float`` quantizer has none. The label leaves out options
    that all rows of a quantizer on the board share."""

    entry: Entry
    label: str
    accuracy_rank: tuple[int, int] | None
    emd_rank: tuple[int, int] | None
    on_front: bool


def ranked_rows(board: Board) -> list[Row]:
    """The board's entries by chip, mode, seed and accuracy, ranked."""
    groups: dict[tuple[str, str, int], list[Entry]] = {}
    for entry in board.entries:
        groups.setdefault(_group(entry), []).append(entry)
    return [row for key in sorted(groups) for row in _rank(board, groups[key])]


def grouped(rows: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    """Ranked rows by what they are ranked among, each with its title; of a single group, the title is empty."""
    groups: dict[tuple[str, str, int], list[Row]] = {}
    for row in rows:
        groups.setdefault(_group(row.entry), []).append(row)
    return [(_title(*key) if len(groups) > 1 else "", each) for key, each in groups.items()]


def _group(entry: Entry) -> tuple[str, str, int]:
    """Chip (or none), mode and seed."""
    cell = entry.record.cell
    return cell.chip.name if cell.chip else "", cell.mode, cell.seed


def _title(chip: str, mode: str, seed: int) -> str:
    return f"{'Post-training' if mode == 'ptq' else 'Fine-tuned'}, seed {seed}{f', on {chip}' if chip else ''}"


def accuracy_wins(correct: Tensor) -> Wins:
    """Whether row i is more accurate than row j by the exact McNemar test at 5 %, from correctness bool (n, N)."""
    hits = correct.double()
    # Entry (i, j): images that row i has right and row j has not; float64 counts them exactly.
    lost = (hits @ (1 - hits).T).round().long().numpy()
    fewer, total = np.minimum(lost, lost.T), lost + lost.T
    p_values = np.minimum(1, 2 * binom.cdf(fewer, total, 0.5))
    wins: Wins = _rejected(p_values) & (lost > lost.T)
    return wins


def emd_wins(scores: Sequence[Score]) -> Wins:
    """Whether row i fires more like the reference than row j, by the intervals of their differences."""
    size = len(scores), len(scores)
    gaps = [difference(mine, theirs) for mine in scores for theirs in scores]
    nearer = np.array([gap.value < 0 for gap in gaps]).reshape(size)
    p_values = _p_values(gaps).reshape(size)
    wins: Wins = _rejected(np.where(nearer, p_values, p_values.T)) & nearer
    return wins


def _p_values(gaps: Sequence[Estimate]) -> NDArray[np.float64]:
    """Those at which the differences' intervals, which are Student's, would end at 0."""
    value, low, high = np.array([(gap.value, gap.low, gap.high) for gap in gaps]).reshape(-1, 3).T
    reach = np.where(value < 0, high - value, value - low)
    tested = (reach != 0) & (value != 0)
    found: NDArray[np.float64] = (value == 0).astype(np.float64)
    quantile = student.ppf((1 + CONFIDENCE) / 2, SHARDS - 1)
    found[tested] = 2 * student.sf(np.abs(value[tested]) / reach[tested] * quantile, SHARDS - 1)
    return found


def _rejected(p_values: NDArray[np.float64]) -> Wins:
    """Which equalities of pairs (n, n) are rejected: of boards of equal rows, any on at most 5 %."""
    rows, columns = np.triu_indices(len(p_values), 1)  # each pair once: Holm pays for the number of tests
    rejected = np.zeros(p_values.shape, bool)
    rejected[rows, columns] = holm(p_values[rows, columns]) < 1 - CONFIDENCE
    return rejected | rejected.T


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
    merits = [(*_merits(board, entry), *_bits(entry)) for entry in entries]
    ranked = [entry for entry in entries if entry.record.cell.quantizes]
    accuracy: dict[str, tuple[int, int]] = {}
    emd: dict[str, tuple[int, int]] = {}
    if ranked:
        hits, names = torch.stack([correct(board, entry) for entry in ranked]), [entry.name for entry in ranked]
        accuracy = dict(zip(names, rank_ranges(accuracy_wins(hits)), strict=True))
        scores = [_ranked_emd(board, entry) for entry in ranked]
        emd = dict(zip(names, rank_ranges(emd_wins(scores)), strict=True))
    on_front = front(np.array(merits))
    shared = words.shared_options(entry.record.cell for entry in board.entries)
    rows = [
        Row(entry, words.short(entry.record.cell, shared), accuracy.get(entry.name), emd.get(entry.name), bool(marked))
        for entry, marked in zip(entries, on_front, strict=True)
    ]
    return sorted(rows, key=lambda row: _order(board, row))


def _ranked_emd(board: Board, entry: Entry) -> Score:
    """The EMD that the protocol ranks by; on a chip, that to float states."""
    if entry.record.chip:
        return entry.record.chip.firing_emd
    if board.protocol.evaluate.ranks_by == "reached" and entry.record.reached:
        return entry.record.reached.firing_emd
    return entry.record.metrics[FIRING_EMD.name]


def _merits(board: Board, entry: Entry) -> tuple[float, float]:
    """Accuracy, on the chip if there is one, and the EMD that is ranked by; less is better."""
    record = entry.record
    accuracy = record.chip.accuracy if record.chip else record.metrics[ACCURACY.name]
    return -_measured(entry, ACCURACY, accuracy), _measured(entry, FIRING_EMD, _ranked_emd(board, entry))


def _bits(entry: Entry) -> tuple[int, int]:
    """Declared bits of weights and of membranes."""
    cell = entry.record.cell
    return cell.quantizer.bits, cell.membrane.bits if cell.membrane else NUMBER_BITS


def _order(board: Board, row: Row) -> tuple[bool, float, float, str]:
    return row.accuracy_rank is not None, *_merits(board, row.entry), row.entry.record.cell.folder


def _measured(entry: Entry, metric: Metric, score: Score) -> float:
    if score.value is None:
        raise RecordError(
            f"{metric.title} of entry '{entry.name}' failed ({score.reason}), and a board ranks by it: measure the cell"
            " again, or take the entry off the board"
        )
    return score.value
