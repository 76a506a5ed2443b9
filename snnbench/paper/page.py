"""The report as a page of Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import isfinite
from string import ascii_lowercase

from snnbench.bench.metrics import FIRING_EMD
from snnbench.leaderboard.board import Board
from snnbench.paper.between import BETWEEN, BetweenBoards
from snnbench.paper.cases import Case, Rows, model_option
from snnbench.paper.claims import CLAIMS, Judgement
from snnbench.paper.differences import PairEvidence, Stand
from snnbench.paper.glance import KNOWN, MISSING, glance, verdict, where
from snnbench.paper.markdown import table
from snnbench.paper.questions import QUESTIONS, Question
from snnbench.paper.reported import REPORTED, Reported
from snnbench.paper.study import Answer, Study, null_of, were_known
from snnbench.records.score import Score

COMMAND = "snnbench report paper --out docs/paper.md"
_NONE = "–"


def write_page(study: Study, pictures: Sequence[tuple[str, str]]) -> str:
    """The page; `pictures` are captions and files, which it shows at its end."""
    parts = [_head(), glance(study), _networks(study), *(_claim(study, claim) for claim in CLAIMS)]
    parts += [_reported(study), _beyond(study), _point(study), _pictures(pictures)]
    return "\n\n".join(parts) + "\n"


def summary(study: Study) -> Iterator[str]:
    """A line a claim, board and mode that has rows."""
    for each in study.judgements:
        if each.rows.cases:
            told = f" ({each.reason})" if each.reason else ""
            yield f"claim {each.claim}  {each.rows.board.name} {each.rows.mode}: {each.verdict}, {_counts(each)}{told}"


def _head() -> str:
    return f"""# The paper's claims, measured

Written by `{COMMAND}` from the records on the boards, and from
nothing else: no number here is typed by hand. The rules that decide are in [hypotheses.md](hypotheses.md). EMD is in
spikes per step; accuracies are in percent, their changes in points. *missing* means that no board has the cells; in
the tables `?` is what a record does not hold, `–` what there cannot be."""


def _networks(study: Study) -> str:
    head = [
        "board",
        "network",
        "neuron",
        "reference accuracy %",
        "seed floor",
        "ptq rows",
        "qat rows",
        "with membranes",
    ]
    boards = {rows.board.name: rows.board for rows in study.rows}
    lines = [
        _network(board, [case for rows in study.rows if rows.board is board for case in rows.cases])
        for board in boards.values()
    ]
    text = (
        "The paper's networks are SEW-ResNet-8 and 18 with LIF neurons and T = 4 (its full-precision SEW-ResNet-18 has"
        " 75.2 % on CIFAR-100, reported, second-hand). Ours are narrower and less accurate, as the table says, with the"
        " neurons that it names; a verdict here is about them. Rows of an older version count with the newest where"
        " data, exemptions, weights and fine-tuning are the same."
    )
    return f"## The networks\n\n{text}\n\n" + table(head, lines)


def _network(board: Board, cases: Sequence[Case]) -> list[str]:
    references = {case.seed: case.record.reference.accuracy.value for case in cases}
    floors = {case.seed_floor.value for case in cases if case.seed_floor} - {None}
    cells = [case.record.cell for case in cases]
    return [
        f"[{board.name}](../leaderboards/{board.name}/table.md)",
        board.protocol.title,
        f"{model_option(board, 'neuron')}, {model_option(board, 'reset')} reset",
        ", ".join(_percent(value) for _, value in sorted(references.items())),
        ", ".join(f"{floor:.4f}" for floor in sorted(filter(None, floors))) or _NONE,
        *(str(sum(cell.mode == mode and cell.quantizes for cell in cells)) for mode in ("ptq", "qat")),
        str(sum(cell.membrane is not None for cell in cells)),
    ]


def _claim(study: Study, claim: int) -> str:
    found = [each for each in study.judgements if each.claim == claim and each.rows.cases]
    head = ["board", "mode", "verdict", "comparisons", "cells that lack", "remark"]
    lines = [
        [each.rows.board.name, each.rows.mode, verdict(each), _counts(each), _listed(each.lacking), each.reason]
        for each in found
        if each.verdict != MISSING
    ]
    comparisons = [(where(each.rows), each.comparisons) for each in found]
    parts = [f"## Claim {claim}", CLAIMS[claim], table(head, lines) if lines else "", _without(found)]
    return "\n\n".join(filter(None, parts)) + _details(comparisons)


def _without(found: Sequence[Judgement]) -> str:
    """A sentence in place of rows of a table for the boards on which a claim is missing, for each reason of that."""
    places: dict[str, list[str]] = {}
    for each in found:
        if each.verdict == MISSING:
            places.setdefault(each.reason or "nothing there that the claim compares", []).append(where(each.rows))
    return "\n\n".join(
        f"*{MISSING}* on {len(there)} ({reason}): {', '.join(there)}." for reason, there in places.items()
    )


def _counts(judgement: Judgement) -> str:
    stands: list[Stand] = [comparison.stand for comparison in judgement.comparisons]
    seeds = len({comparison.seed for comparison in judgement.comparisons})
    if not stands:
        return "none"
    told = f"{stands.count('for')} for, {stands.count('against')} against, {stands.count('open')} open"
    return f"{told}; {'one seed' if seeds == 1 else f'{seeds} seeds'}"


def _details(groups: Iterable[tuple[str, Sequence[PairEvidence]]]) -> str:
    lines = [[place, *_row(comparison)] for place, comparisons in groups for comparison in comparisons]
    if not lines:
        return ""
    head = ["where", "seed", "what", "quantity", "measured", "interval", "null p", "control EMD", "stands"]
    return f"\n\n<details><summary>{len(lines)} comparisons</summary>\n\n{table(head, lines)}\n\n</details>"


def _row(comparison: PairEvidence) -> list[str]:
    estimate, points = comparison.estimate, comparison.quantity.startswith("accuracy")
    low, high = (_number(end, points) if isfinite(end) else "?" for end in (estimate.low, estimate.high))
    few = comparison.cases if len(comparison.cases) <= 3 else ()
    return [
        _NONE if comparison.seed is None else str(comparison.seed),
        comparison.what,
        comparison.quantity,
        _number(estimate.value, points),
        f"{low} to {high}",
        ", ".join(map(_null, few)) or _NONE,
        ", ".join(map(_control, few)) or _NONE,
        comparison.stand,
    ]


def _number(value: float, points: bool) -> str:
    return f"{100 * value:+.2f}" if points else f"{value:.4f}"


def _null(case: Case) -> str:
    null = null_of(case)
    return f"{null.p_value:.3f}" if null else "?"


def _control(case: Case) -> str:
    if case.control is None:
        return _NONE
    return _score(case.control.firing_emd)


def _reported(study: Study) -> str:
    boards = [rows for rows in study.rows if rows.cases and rows.board.protocol.data.name == "cifar100"]
    head = ["cell", "paper (reported, second-hand): accuracy, EMD, dead"]
    head += [f"{where(rows)}: accuracy, EMD, dead" for rows in boards]
    lines = [[each.name, _theirs(each), *(_ours(rows, each) for rows in boards)] for each in REPORTED]
    text = (
        "CIFAR-100; the paper's network is SEW-ResNet-18, and its figures are from digests of it, not from its tables."
        " Ours are of seed 0; the EMD is to the full-precision reference."
    )
    return f"## Beside the paper's figures\n\n{text}\n\n" + table(head, lines)


def _theirs(each: Reported) -> str:
    return f"{each.accuracy:.1f}, {_fixed(each.emd)}, {_NONE if each.dead is None else f'{each.dead:.1f}'}"


def _ours(rows: Rows, each: Reported) -> str:
    found = [case for case in rows.find(**(each.axes or {})) if case.seed == 0]
    if not found:
        return MISSING
    if each.axes is None:
        reference = found[0].record.reference
        return f"{_percent(reference.accuracy.value)}, 0, {_percent(reference.dead_fraction.value)}"
    metrics = found[0].record.metrics
    dead = metrics["dead_fraction"].value
    return f"{_percent(metrics['accuracy'].value)}, {_score(metrics[FIRING_EMD.name])}, {_percent(dead)}"


def _beyond(study: Study) -> str:
    parts = []
    questions: list[Question | BetweenBoards] = [*QUESTIONS, *BETWEEN]
    for question in sorted(questions, key=lambda each: _in_order(each.number)):
        number = question.number
        answers = study.answered(number)
        lines = [
            [answer.where, answer.outcome + KNOWN * were_known(answer.comparisons), _told(answer)] for answer in answers
        ]
        body = table(["where", "outcome", "comparisons"], lines) if lines else f"*{MISSING}*: {question.missing}."
        details = _details((answer.where, answer.comparisons) for answer in answers)
        parts.append(f"**{number}.** {question.hypothesis}\n\n{body}{details}")
    text = "The hypotheses of [hypotheses.md](hypotheses.md), by their numbers there."
    return "## Beyond the paper\n\n" + "\n\n".join([text, *parts])


def _in_order(number: str) -> tuple[int, str]:
    return int(number.rstrip(ascii_lowercase)), number


def _told(answer: Answer) -> str:
    stands = [comparison.stand for comparison in answer.comparisons]
    return f"{stands.count('for')} for, {stands.count('against')} against, {stands.count('open')} open"


def _point(study: Study) -> str:
    text = (
        "Cells within one point of the reference's accuracy whose EMD to their baseline is above the paired null and,"
        " with its whole interval, above the seed floor (and, fine-tuned, above the EMD between controls of two seeds):"
        " equal accuracy, other firing."
    )
    found = study.point
    if not found:
        return f"## The paper's point\n\n{text}\n\nThere are none on the boards so far."
    head = ["board", "mode", "seed", "cell", "accuracy change", "EMD", "seed floor", "null p"]
    lines = [
        [
            rows.board.name,
            rows.mode,
            str(case.seed),
            str(case),
            f"{100 * case.value('accuracy_change'):+.2f}",
            _score(case.emd),
            _score(case.seed_floor),
            _null(case),
        ]
        for rows, case in found
    ]
    return f"## The paper's point\n\n{text}\n\n" + table(head, lines)


def _pictures(pictures: Sequence[tuple[str, str]]) -> str:
    shown = [f"{caption}\n\n![{caption}]({file})" for caption, file in pictures]
    return "## Pictures\n\n" + "\n\n".join([f"Drawn by `{COMMAND}`.", *shown])


def _listed(names: Sequence[str]) -> str:
    return "; ".join(names) if len(names) <= 4 else f"{len(names)}: {'; '.join(names[:3])}; ..."


def _score(score: Score | None) -> str:
    return _fixed(score.value if score else None)


def _fixed(value: float | None) -> str:
    return _NONE if value is None else f"{value:.4f}"


def _percent(value: float | None) -> str:
    return _NONE if value is None else f"{100 * value:.2f}"
