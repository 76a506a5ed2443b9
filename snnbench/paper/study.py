"""What the report says before it is put into words: claims, hypotheses, and the cells of the paper's point."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import permutations
from math import isfinite
from pathlib import Path
from typing import Any, Literal

from snnbench.paper.between import BETWEEN, common
from snnbench.paper.cases import Case, Rows, read_rows
from snnbench.paper.claims import CLAIMS, Judgement, baseline_emd, judge
from snnbench.paper.differences import POINT, PairEvidence
from snnbench.paper.orders import CORRUPTED
from snnbench.paper.questions import QUESTIONS
from snnbench.records.record import Null

StudyOutcome = Literal["confirmed", "refuted", "not resolved", "missing"]
SIGNIFICANT = 0.05
RULES_WRITTEN = "2026-11-28T18:04"
"""When the rules were written (UTC): rows that were measured before were known then, and test nothing."""


@dataclass(frozen=True)
class Answer:
    """A hypothesis on one board and mode, or on two boards (`where` names them)."""

    number: str
    hypothesis: str
    where: str
    outcome: StudyOutcome
    comparisons: tuple[PairEvidence, ...]


@dataclass(frozen=True)
class Study:
    """The report's content, from the boards in one folder."""

    rows: tuple[Rows, ...]
    judgements: tuple[Judgement, ...]
    answers: tuple[Answer, ...]

    def judgement(self, claim: int, rows: Rows) -> Judgement:
        """A claim's on one board and mode."""
        return next(each for each in self.judgements if each.claim == claim and each.rows is rows)

    def answered(self, number: str) -> list[Answer]:
        """All answers to one hypothesis for which there are cells."""
        return [each for each in self.answers if each.number == number and each.comparisons]

    @property
    def point(self) -> list[tuple[Rows, Case]]:
        """Cells within one point of the reference that fire otherwise than by chance or by training once more."""
        return [(rows, case) for rows in self.rows for case in rows.quantized if _is_point(rows, case)]


def read_study(boards: Path) -> Study:
    """Judge the claims and hypotheses on the boards in a folder.

    Raises:
        RecordError: if there is no board, or one is damaged.
    """
    rows = tuple(read_rows(boards))
    judgements = tuple(judgement for each in rows for judgement in judge(each))
    return Study(rows, judgements, (*_within(rows), *_between((*rows, *read_rows(boards, (CORRUPTED,))))))


def outcome(comparisons: Sequence[PairEvidence]) -> StudyOutcome:
    """Confirmed or refuted where all comparisons are on one side."""
    found = {comparison.stand for comparison in comparisons}
    if not found:
        return "missing"
    sides: dict[frozenset[str], StudyOutcome] = {frozenset({"for"}): "confirmed", frozenset({"against"}): "refuted"}
    return sides.get(frozenset(found), "not resolved")


def were_known(comparisons: Sequence[PairEvidence]) -> bool:
    """Whether all rows that are compared were measured before the rules were written."""
    cases = [case for comparison in comparisons for case in comparison.cases]
    return bool(cases) and all(case.record.started < RULES_WRITTEN for case in cases)


def null_of(case: Case) -> Null | None:
    """The paired null of a cell against what it is compared with: the reference, or in `qat` its control."""
    record = case.record
    if record.cell.mode == "ptq":
        return record.paired_null
    to_cell = record.control.to_cell if record.control else None
    return to_cell.paired_null if to_cell else None


def _within(rows: Sequence[Rows]) -> Iterator[Answer]:
    for question in QUESTIONS:
        for each in rows:
            found = tuple(question.compare(each))
            where = f"{each.board.name} {each.mode}"
            yield Answer(question.number, question.hypothesis, where, outcome(found), found)


def _between(rows: Sequence[Rows]) -> Iterator[Answer]:
    for question in BETWEEN:
        for first, second in permutations(rows, 2):
            if question.differ(first, second):
                found = tuple(question.compare(common(first, second)))
                where = f"{first.board.name} {first.mode} and {second.board.name} {second.mode}"
                yield Answer(question.number, question.hypothesis, where, outcome(found), found)


def _is_point(rows: Rows, case: Case) -> bool:
    change, floor, null = case.score("accuracy_change").value, case.seed_floor, null_of(case)
    distance = baseline_emd(rows, case)
    if change is None or abs(change) > POINT or distance is None or distance.low is None or null is None:
        return False
    if floor is None or floor.value is None or null.p_value > SIGNIFICANT:
        return False
    return distance.low > max(floor.value, _chance_of_training(case))


def _chance_of_training(case: Case) -> float:
    """EMD between controls of two seeds; 0 where there is no control."""
    other = case.control.to_other_seed if case.control else None
    return (other.firing_emd.value or 0.0) if other else 0.0


def document(study: Study) -> dict[str, Any]:
    """The study as plain data."""
    return {
        "claims": [
            {
                "claim": each.claim,
                "text": CLAIMS[each.claim],
                "board": each.rows.board.name,
                "mode": each.rows.mode,
                "verdict": each.verdict,
                "known_before": were_known(each.comparisons),
                "reason": each.reason,
                "lacking": list(each.lacking),
                "comparisons": [_plain(comparison) for comparison in each.comparisons],
            }
            for each in study.judgements
        ],
        "hypotheses": [
            {
                "number": each.number,
                "text": each.hypothesis,
                "where": each.where,
                "outcome": each.outcome,
                "known_before": were_known(each.comparisons),
                "comparisons": [_plain(comparison) for comparison in each.comparisons],
            }
            for each in study.answers
        ],
        "point": [
            {"board": rows.board.name, "mode": rows.mode, "entry": case.entry.name} for rows, case in study.point
        ],
    }


def _plain(comparison: PairEvidence) -> dict[str, Any]:
    finite: Callable[[float], float | None] = lambda value: value if isfinite(value) else None  # noqa: E731
    return {
        "what": comparison.what,
        "seed": comparison.seed,
        "quantity": comparison.quantity,
        **{end: finite(value) for end, value in asdict(comparison.estimate).items()},
        "stand": comparison.stand,
        "null_p": [null.p_value if (null := null_of(case)) else None for case in comparison.cases],
        "entries": [case.entry.name for case in comparison.cases],
    }
