"""The claims at a glance: all boards together, and each."""

from __future__ import annotations

from snnbench.paper.cases import Rows
from snnbench.paper.claims import CLAIMS, Judgement
from snnbench.paper.markdown import table
from snnbench.paper.study import Study, were_known
from snnbench.records.cell import Mode

MISSING = "missing"
KNOWN = " †"


def glance(study: Study) -> str:
    """The claims, their comparisons on all boards together, and the verdict on each board."""
    lines = {where(rows): [verdict(study.judgement(claim, rows)) for claim in CLAIMS] for rows in study.rows}
    told = {place: verdicts for place, verdicts in lines.items() if set(verdicts) != {MISSING}}
    claims = "\n".join(f"{claim}. {text}" for claim, text in CLAIMS.items())
    grid = table(["board and mode", *map(str, CLAIMS)], [[place, *verdicts] for place, verdicts in told.items()])
    known = (
        "† All of its rows were measured before the rules were written: what they say was known then, and tests"
        " neither a claim nor a hypothesis."
    )
    note = f"Without rows for any claim: {', '.join(place for place in lines if place not in told)}."
    rest = [note] if len(told) < len(lines) else []
    return "\n\n".join(["## At a glance", claims, *_together(study), grid, known, *rest])


def where(rows: Rows) -> str:
    """Board and mode."""
    return f"{rows.board.name} {rows.mode}"


def verdict(judgement: Judgement) -> str:
    """The verdict, marked where its rows were known before the rules."""
    return judgement.verdict + (KNOWN if were_known(judgement.comparisons) else "")


def _together(study: Study) -> tuple[str, str]:
    text = (
        "What the claims compare, on all boards together: comparisons whose interval is on the claim's side, on the"
        " other, or on both (for, against, open), and boards on which the claim holds, fails or is not resolved. Most"
        " claims are of every cell: they hold on a board where all comparisons are for them and no cell lacks, and fail"
        " where one is against them in every seed."
    )
    modes: tuple[Mode, ...] = ("ptq", "qat")
    head = ["claim", *(f"{mode}: {what}" for mode in modes for what in ("for, against, open", "boards"))]
    lines = [[str(claim), *(cell for mode in modes for cell in _counted(study, claim, mode))] for claim in CLAIMS]
    return text, table(head, lines)


def _counted(study: Study, claim: int, mode: Mode) -> tuple[str, str]:
    found = [each for each in study.judgements if each.claim == claim and each.rows.mode == mode]
    stands = [comparison.stand for each in found for comparison in each.comparisons]
    verdicts = [each.verdict for each in found]
    counted = ", ".join(str(stands.count(stand)) for stand in ("for", "against", "open"))
    return counted, ", ".join(str(verdicts.count(each)) for each in ("holds", "fails", "not resolved"))
