"""The paper's eight claims, each as comparisons of rows and a verdict, by the rules of docs/hypotheses.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from snnbench.functional import Estimate
from snnbench.paper.cases import Case, Rows
from snnbench.paper.differences import (
    POINT,
    PairEvidence,
    Stand,
    above,
    accuracy_difference,
    below,
    change_from,
    emd,
    emd_difference,
    stands,
)
from snnbench.paper.ranks import MOST_ALIKE, fewest_cases, rank_comparison
from snnbench.records.score import Score

ClaimVerdict = Literal["holds", "fails", "not resolved", "missing"]
COLLAPSE = -0.10
BITS, MEMBRANE_BITS = (2, 4, 6, 8), (4, 6, 8)
CLIPS, RANGES, SITES = ("narrow", "wide"), ("unsigned", "signed"), ("post_reset", "pre_spike")


@dataclass(frozen=True)
class Judgement:
    """A claim on one board and mode.

    Attributes:
        reason: why it is not resolved or missing, where the comparisons do not say it.
        lacking: what the claim is about, too, and no row is there for.
    """

    claim: int
    rows: Rows
    verdict: ClaimVerdict
    comparisons: tuple[PairEvidence, ...]
    reason: str = ""
    lacking: tuple[str, ...] = ()


CLAIMS: dict[int, str] = {
    1: "At accuracy within one point, uniform with wide clipping drifts further than uniform with narrow clipping.",
    2: "LQ-Net's EMD stays low across 2 to 8 bits and both clip ranges.",
    3: "LQ-Net's accuracy is at least uniform's in every cell.",
    4: "Uniform, wide, 2 bits collapses; LQ-Net, wide, 2 bits does not.",
    5: "Membrane quantization is stable from 4 bits up.",
    6: "At 2 bits an unsigned membrane beats a signed one.",
    7: "LQ-Net on the membrane does not train stably.",
    8: "Accuracy alone would rank the methods differently from EMD.",
}


def judge(rows: Rows) -> list[Judgement]:
    """Every claim on the rows of one board and mode."""
    return [_JUDGES[claim](rows, claim) for claim in CLAIMS]


def baseline(rows: Rows, case: Case) -> tuple[bool, Case | None]:
    """Whether there is something to compare `case` with, and what: its control in `qat`, None for the reference."""
    control = rows.control_of(case) if rows.mode == "qat" else None
    return rows.mode == "ptq" or control is not None, control


def baseline_emd(rows: Rows, case: Case) -> Score | None:
    """EMD to the baseline of the cell: the reference, or in `qat` the control, where the record has that distance."""
    if rows.mode == "ptq":
        return case.emd
    to_cell = case.control.to_cell if case.control else None
    return to_cell.firing_emd if to_cell else None


def every(comparisons: Sequence[PairEvidence], lacking: Sequence[str] = ()) -> ClaimVerdict:
    """Holds if all are for and none is lacking; fails if one thing is against in every seed that has it."""
    if not comparisons:
        return "missing"
    found = stands(comparisons).values()
    if any(set(each) == {"against"} for each in found):
        return "fails"
    whole = not lacking and all(stand == "for" for each in found for stand in each)
    return "holds" if whole else "not resolved"


def judged(claim: int, rows: Rows, found: Sequence[PairEvidence], wanted: Sequence[str], reason: str = "") -> Judgement:
    """A claim on all of the things that are `wanted`; those that are not among what was `found` are said to lack."""
    there = {comparison.what for comparison in found}
    lacking = tuple(what for what in wanted if what not in there)
    return Judgement(claim, rows, every(found, lacking), tuple(found), reason, lacking)


def _pairs(
    rows: Rows, kept: dict[str, object], first: dict[str, object], second: dict[str, object]
) -> list[tuple[Case, Case]]:
    """Pairs of rows of one seed, the first as `first` says and the second its twin."""
    found = ((case, rows.twins(case, **second)) for case in rows.find(**kept, **first))
    return [(case, twins[0]) for case, twins in found if twins]


UNIFORM: dict[str, object] = {"quantizer": "uniform", "grid": "endpoint", "per": "tensor", "range": "signed"}
LQNET: dict[str, object] = {"quantizer": "lqnet", "codes": "signed"}
STATE: dict[str, object] = {
    "quantizer": "float",
    "membrane": "uniform",
    "membrane_grid": "endpoint",
    "membrane_clip": "narrow",
}


def _first(rows: Rows, claim: int) -> Judgement:
    pairs = _pairs(rows, {**UNIFORM, "membrane": None}, {"clip": "wide"}, {"clip": "narrow"})
    near = [pair for pair in pairs if _comparable(rows, *pair)]
    found = [
        PairEvidence(
            _FIRST.format(wide.axes["bits"]),
            wide.seed,
            "EMD",
            (estimate := emd_difference(wide.emd, narrow.emd, len(near))),
            above(estimate, 0),
            (wide, narrow),
        )
        for wide, narrow in near
    ]
    reason = f"{len(pairs) - len(near)} of {len(pairs)} pairs have accuracies a point apart, or collapse"
    there = {wide.axes["bits"] for wide, _ in pairs}
    lacking = tuple(_FIRST.format(bits) for bits in BITS if bits not in there)
    verdict: ClaimVerdict = "not resolved" if pairs and not near else every(found, lacking)
    return Judgement(claim, rows, verdict, tuple(found), reason if pairs else "", lacking)


_FIRST = "{} bits, wide - narrow"


def _comparable(rows: Rows, wide: Case, narrow: Case) -> bool:
    """Accuracies at most a point apart, and neither network collapses."""
    if abs(accuracy_difference(wide, narrow, 1).value) > POINT:
        return False
    return not any(_collapses(rows, case) for case in (wide, narrow))


def _collapses(rows: Rows, case: Case) -> bool:
    known, control = baseline(rows, case)
    return known and change_from(case, control, 1).high < COLLAPSE


def _second(rows: Rows, claim: int) -> Judgement:
    cases = [case for case in rows.find(**LQNET, membrane=None, bits=BITS) if baseline_emd(rows, case)]
    floors = {case.seed_floor.value for case in cases if case.seed_floor} - {None}
    if cases and not floors:
        return Judgement(claim, rows, "not resolved", (), "the board has no seed floor: its protocol has one baseline")
    wanted = [_weights(bits, clip) for bits in BITS for clip in CLIPS]
    return judged(claim, rows, list(_to_floor(rows, cases)), wanted, _same_network(rows, cases))


def _same_network(rows: Rows, cases: Sequence[Case]) -> str:
    """How often both clips give the same network, which they do where no weight reaches the narrower one."""
    pairs = [(case, other) for case in cases for other in rows.twins(case, clip="narrow") if case is not other]
    same = sum(a.entry.evidence.profile == b.entry.evidence.profile for a, b in pairs)
    return f"narrow and wide fire alike to the spike in {same} of {len(pairs)} pairs" if pairs else ""


def _weights(bits: object, clip: object) -> str:
    return f"{bits} bits, {clip}"


def _to_floor(rows: Rows, cases: Sequence[Case]) -> Iterator[PairEvidence]:
    for case in cases:
        floor, distance = case.seed_floor, baseline_emd(rows, case)
        assert distance is not None
        if floor is None or floor.value is None:
            continue
        estimate = emd(distance, len(cases))
        what = _weights(case.axes["bits"], case.axes["clip"])
        quantity = f"EMD; seed floor {floor.value:.4f}"
        yield PairEvidence(what, case.seed, quantity, estimate, below(estimate, floor.value), (case,))


def _third(rows: Rows, claim: int) -> Judgement:
    pairs = []
    for ours in rows.find(**LQNET, membrane=None, bits=BITS):
        theirs = rows.find(**UNIFORM, membrane=None, bits=ours.axes["bits"], clip=ours.axes["clip"])
        pairs += [(ours, other) for other in theirs if other.seed == ours.seed]
    found = [_accuracy(_weights(a.axes["bits"], a.axes["clip"]), a, b, len(pairs), _at_least) for a, b in pairs]
    return judged(claim, rows, found, [_weights(bits, clip) for bits in BITS for clip in CLIPS])


def _accuracy(what: str, first: Case, second: Case, count: int, stand: Callable[[Estimate], Stand]) -> PairEvidence:
    estimate = accuracy_difference(first, second, count)
    return PairEvidence(what, first.seed, "accuracy difference", estimate, stand(estimate), (first, second))


def _at_least(estimate: Estimate) -> Stand:
    """For from less than a point behind; against below 0. What is both is for."""
    return "for" if estimate.low > -POINT else "against" if estimate.high < 0 else "open"


def _fourth(rows: Rows, claim: int) -> Judgement:
    uniform = _with_baselines(rows, rows.find(**UNIFORM, membrane=None, bits=2, clip="wide"))
    lqnet = _with_baselines(rows, rows.find(**LQNET, membrane=None, bits=2, clip="wide"))
    count = len(uniform) + len(lqnet)
    found = [_change("uniform, wide, 2 bits", case, base, count, _falls) for case, base in uniform]
    found += [_change("lqnet, wide, 2 bits", case, base, count, _stays) for case, base in lqnet]
    return judged(claim, rows, found, ["uniform, wide, 2 bits", "lqnet, wide, 2 bits"])


def _with_baselines(rows: Rows, cases: Sequence[Case]) -> list[tuple[Case, Case | None]]:
    return [(case, control) for case in cases for known, control in [baseline(rows, case)] if known]


def _change(what: str, case: Case, base: Case | None, count: int, stand: Callable[[Estimate], Stand]) -> PairEvidence:
    estimate = change_from(case, base, count)
    return PairEvidence(what, case.seed, "accuracy change", estimate, stand(estimate), (case,))


def _falls(estimate: Estimate) -> Stand:
    return below(estimate, COLLAPSE)


def _stays(estimate: Estimate) -> Stand:
    return above(estimate, COLLAPSE)


def _fifth(rows: Rows, claim: int) -> Judgement:
    cases = _with_baselines(rows, rows.find(**STATE, membrane_bits=MEMBRANE_BITS))
    found = [
        _change(_state(case), case, base, len(cases), lambda estimate: above(estimate, -POINT)) for case, base in cases
    ]
    wanted = [f"{bits} bits, {range_}, {site}" for bits in MEMBRANE_BITS for range_ in RANGES for site in SITES]
    return judged(claim, rows, found, wanted)


def _state(case: Case) -> str:
    return f"{case.axes['membrane bits']} bits, {case.axes['membrane range']}, {case.axes['membrane site']}"


def _sixth(rows: Rows, claim: int) -> Judgement:
    pairs = _pairs(rows, {**STATE, "membrane_bits": 2}, {"membrane_range": "unsigned"}, {"membrane_range": "signed"})
    found = [_accuracy(str(a.axes["membrane site"]), a, b, len(pairs), lambda each: above(each, 0)) for a, b in pairs]
    return judged(claim, rows, found, SITES)


def _seventh(rows: Rows, claim: int) -> Judgement:
    if rows.mode == "ptq":
        return Judgement(claim, rows, "missing", (), "it is of training, and these rows are post-training")
    cases = _with_baselines(rows, rows.find(quantizer="float", membrane="lqnet"))
    found = [
        _change(f"{case.axes['membrane bits']} bits, {case.axes['membrane site']}", case, base, len(cases), _falls)
        for case, base in cases
    ]
    return Judgement(claim, rows, _unstable(found), tuple(found))


def _unstable(comparisons: Sequence[PairEvidence]) -> ClaimVerdict:
    """Holds if one thing collapses in every seed; fails if at least two are there and none does."""
    found = stands(comparisons)
    if not found:
        return "missing"
    if any(set(each) == {"for"} for each in found.values()):
        return "holds"
    against = all(stand == "against" for each in found.values() for stand in each)
    return "fails" if against and len(found) > 1 else "not resolved"


def _eighth(rows: Rows, claim: int) -> Judgement:
    groups = {seed: [case for case in rows.quantized if case.seed == seed] for seed in rows.seeds}
    enough = {seed: cases for seed, cases in groups.items() if len(cases) >= fewest_cases()}
    compared = (rank_comparison(seed, cases) for seed, cases in enough.items())
    found = [comparison for comparison in compared if comparison]
    if rows.quantized and not found:
        most = max(map(len, groups.values()))
        return Judgement(claim, rows, "missing", (), f"it takes {fewest_cases()} cells of one seed; there are {most}")
    reason = f"Spearman's correlation against {MOST_ALIKE}"
    return Judgement(claim, rows, every(found), tuple(found), reason if found else "")


_JUDGES: dict[int, Callable[[Rows, int], Judgement]] = {
    1: _first,
    2: _second,
    3: _third,
    4: _fourth,
    5: _fifth,
    6: _sixth,
    7: _seventh,
    8: _eighth,
}
