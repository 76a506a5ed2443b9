"""Comparing two records, or the matching cells of two folders: differences, tests, and a verdict in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from snnbench.bench.metrics import ACCURACY, ACCURACY_CHANGE, FIRING_EMD, columns
from snnbench.bench.reopening import bench_of
from snnbench.errors import RecordError
from snnbench.functional import CONFIDENCE, Estimate, McNemar, accuracy_change, mcnemar_test
from snnbench.records.cell import Cell
from snnbench.records.evidence import EVIDENCE_FILE, read_evidence
from snnbench.records.layout import REFERENCES, finished_cells
from snnbench.records.record import Record, read_record
from snnbench.records.score import Score


class ComparisonVerdict(Enum):
    """The second against the first; the value is the command's exit code."""

    BETTER = 0
    WORSE = 1
    CANNOT_TELL = 3
    NOT_COMPARABLE = 4


@dataclass(frozen=True)
class Comparison:
    """The second network against the first on the same images.

    Attributes:
        accuracy: change of accuracy, a fraction, with its paired interval.
        mcnemar: exact test of equal accuracy.
        emd: change of the firing EMD in spikes per step; negative is nearer to the reference.
        others: change of every other metric that tables show, by name; the verdict does not ask for them.
    """

    first: Record
    second: Record
    accuracy: Estimate
    mcnemar: McNemar
    emd: Estimate
    others: dict[str, Estimate]

    @property
    def verdict(self) -> ComparisonVerdict:
        """Better in accuracy or EMD and worse in neither, worse likewise; a trade is neither."""
        signs = {self._accuracy_sign, self._emd_sign} - {0}
        return (
            ComparisonVerdict.CANNOT_TELL
            if len(signs) != 1
            else ComparisonVerdict.BETTER
            if signs == {1}
            else ComparisonVerdict.WORSE
        )

    @property
    def words(self) -> str:
        """The verdict in a sentence."""
        return f"accuracy {_WORD[self._accuracy_sign]}, firing {_FIRING[self._emd_sign]}: {_VERDICT[self.verdict]}"

    @property
    def _accuracy_sign(self) -> int:
        return (self.accuracy.value > 0) - (self.accuracy.value < 0) if self.mcnemar.p_value < 1 - CONFIDENCE else 0

    @property
    def _emd_sign(self) -> int:
        return (self.emd.high < 0) - (self.emd.low > 0)


_WORD = {1: "is higher", -1: "is lower", 0: "cannot be told apart"}
_FIRING = {1: "is nearer to the reference", -1: "is farther from the reference", 0: "cannot be told apart"}
_VERDICT = {
    ComparisonVerdict.BETTER: "better",
    ComparisonVerdict.WORSE: "worse",
    ComparisonVerdict.CANNOT_TELL: "neither better nor worse by these tests",
}


def compare(first: Path, second: Path, data: Path | None = None) -> list[Comparison]:
    """Compare `second` with `first`: two records, or the cells that two folders (results or boards) both hold.

    Args:
        first: directory of a finished cell or entry, or a folder that holds some.
        second: the same.
        data: folder of the data sets, for the labels of records that are on no board.

    Returns:
        One comparison for two records, one a matching cell for two folders; empty if nothing can be compared.

    Raises:
        RecordError: if a record or its evidence is missing or damaged.
    """
    return [
        _compare(a, b, data) for a, b in _pairs(finished_cells(first), finished_cells(second)) if not _obstacle(a, b)
    ]


def why_not(first: Path, second: Path) -> str:
    """Why `compare` has nothing to compare, in words; arguments and errors as there."""
    one, other = finished_cells(first), finished_cells(second)
    if not _protocols(one) & _protocols(other):
        return "their protocols differ"
    obstacles = (_obstacle(a, b) for a, b in _pairs(one, other))
    return next(filter(None, obstacles), "no cell of one asks for what a cell of the other asks for, seed included")


def _protocols(folders: list[Path]) -> set[str]:
    return {read_record(folder).cell.protocol for folder in folders}


def overall(comparisons: list[Comparison]) -> ComparisonVerdict:
    """The verdict of several comparisons: better or worse only if no cell says the opposite."""
    found = {comparison.verdict for comparison in comparisons} - {ComparisonVerdict.CANNOT_TELL}
    if not comparisons:
        return ComparisonVerdict.NOT_COMPARABLE
    return found.pop() if len(found) == 1 else ComparisonVerdict.CANNOT_TELL


def difference(mine: Score, theirs: Score) -> Estimate:
    """``mine - theirs`` with the interval that their own intervals give if they are independent.

    Two networks on the same images agree more than that, so the interval is wider than a paired one.
    """
    return minus(_bounds(mine), _bounds(theirs))


def minus(a: Estimate, b: Estimate) -> Estimate:
    """``a - b`` of independent estimates; an end of their intervals may be infinite.

    Source: the MOVER of Zou and Donner 2008, Statistics in Medicine 27.
    """
    value = a.value - b.value
    low = value - float(np.hypot(a.value - a.low, b.high - b.value))
    high = value + float(np.hypot(a.high - a.value, b.value - b.low))
    return Estimate(value, low, high)


def _pairs(first: list[Path], second: list[Path]) -> Iterator[tuple[Path, Path]]:
    if len(first) == len(second) == 1:
        yield first[0], second[0]
        return
    others = {_configuration(read_record(path).cell): path for path in second}
    for path in first:
        match = others.get(_configuration(read_record(path).cell))
        if match is not None:
            yield path, match


def _configuration(cell: Cell) -> str:
    """What a cell asks for, without the version of what answered."""
    own = {"weights", "data", "fingerprint", "protocol_version", "origin"}
    plain = cell.model_dump(mode="json", exclude=own)
    for part in ("quantizer", "membrane", "network"):
        if plain[part]:
            plain[part] = {key: value for key, value in plain[part].items() if key not in ("distribution", "version")}
    return repr(plain)


def _obstacle(first: Path, second: Path) -> str:
    """What keeps two records from being compared; empty if nothing does."""
    a, b = read_record(first), read_record(second)
    if (a.cell.data["test"], a.cell.limit) != (b.cell.data["test"], b.cell.limit):
        return "they were measured on different test images"
    if any(getattr(a.cell, name) != getattr(b.cell, name) for name in ("protocol", "fingerprint", "weights")):
        return "their protocols' versions or references differ"
    measured = all(record.value(name) is not None for record in (a, b) for name in (ACCURACY.name, FIRING_EMD.name))
    return "" if measured else "accuracy or firing EMD of one could not be measured"


def _compare(first: Path, second: Path, data: Path | None) -> Comparison:
    a, b = read_record(first), read_record(second)
    labels = _labels(first, a, data)
    mine, theirs = (torch.eq(read_evidence(path / EVIDENCE_FILE).predictions, labels) for path in (second, first))
    return Comparison(
        first=a,
        second=b,
        accuracy=accuracy_change(mine, theirs),
        mcnemar=mcnemar_test(mine, theirs),
        emd=difference(b.metrics[FIRING_EMD.name], a.metrics[FIRING_EMD.name]),
        others=dict(_others(a, b)),
    )


def _others(first: Record, second: Record) -> Iterator[tuple[str, Estimate]]:
    told = (ACCURACY, ACCURACY_CHANGE, FIRING_EMD)  # a change of changes is that of accuracy, which is paired
    for metric in columns(first.metrics):
        old, new = metric.of(first), metric.of(second)
        if metric not in told and old and new and old.value is not None and new.value is not None:
            yield metric.name, difference(new, old)


def _labels(path: Path, record: Record, data: Path | None) -> Tensor:
    for file in sorted((path.parent.parent / REFERENCES).glob(f"*/{EVIDENCE_FILE}")):
        labels = read_evidence(file).labels
        if labels is not None:
            return labels
    bench = bench_of(path, record.cell, data)
    return torch.from_numpy(bench.test_set()[1].copy())


def _bounds(score: Score) -> Estimate:
    if score.value is None:
        raise RecordError(f"a score that could not be measured ({score.reason}) cannot be compared")
    value = score.value
    return Estimate(value, value if score.low is None else score.low, value if score.high is None else score.high)
