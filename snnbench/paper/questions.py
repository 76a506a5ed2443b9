"""What the paper did not look at: the hypotheses of docs/hypotheses.md that rows of one board decide."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from snnbench.bench.metrics import FIRING_DRIFT, FIRING_EMD
from snnbench.examine.compare import difference
from snnbench.functional import Estimate
from snnbench.paper.cases import Case, Rows
from snnbench.paper.claims import LQNET, STATE, UNIFORM
from snnbench.paper.differences import PairEvidence, Stand, above, accuracy_difference, below, emd_difference, widened
from snnbench.paper.orders import BY, Of, by_metric, disagreement, energy, orders
from snnbench.paper.ranks import Numbers, bootstrap, column, fewest_cases, partial_spearman, spearman
from snnbench.records.score import Score

FOUND_RANGES = ("absmax", "mse")


NO_CELLS = "no board has the cells"
_Ordered = tuple[tuple[str, Of, str], ...]


@dataclass(frozen=True)
class Question:
    """A hypothesis, and the comparisons of one board's rows of one mode that decide it.

    Attributes:
        missing: what is lacking where no board can be compared.
    """

    number: str
    hypothesis: str
    compare: Callable[[Rows], Iterable[PairEvidence]]
    missing: str = NO_CELLS


def _control_share(low: int, high: int, stand: Callable[[Estimate], Stand]) -> Callable[[Rows], Iterable[PairEvidence]]:
    """EMD(cell, control) - EMD(control, reference) of cells with bits in a range."""

    def compare(rows: Rows) -> Iterator[PairEvidence]:
        cases = [case for case in rows.quantized if low <= _least_bits(case) <= high and _to_control(case)]
        for case in cases:
            assert case.control is not None
            moved, trained = _to_control(case), case.control.firing_emd
            assert moved is not None
            estimate = emd_difference(moved, trained, len(cases))
            yield PairEvidence(str(case), case.seed, "EMD", estimate, stand(estimate), (case,))

    return compare


def _to_control(case: Case) -> Score | None:
    return case.control.to_cell.firing_emd if case.control and case.control.to_cell else None


def _least_bits(case: Case) -> int:
    cell = case.record.cell
    return min(cell.quantizer.bits, cell.membrane.bits if cell.membrane else cell.quantizer.bits)


def _swaps(rows: Rows) -> Iterator[PairEvidence]:
    """Drift over EMD, of cells whose EMD is below the seed floor."""
    for case in rows.quantized:
        floor, emd = case.seed_floor, case.emd
        if floor is None or floor.value is None or not emd.value or emd.value >= floor.value:
            continue
        estimate = quotient(case.score(FIRING_DRIFT.name), emd)
        yield PairEvidence(str(case), case.seed, "drift / EMD", estimate, above(estimate, 2), (case,))


def quotient(top: Score, bottom: Score) -> Estimate:
    """The quotient; from the ends of both intervals, so that its own is too wide rather than too narrow."""
    assert top.value is not None
    assert bottom.value
    if top.low is None or top.high is None or bottom.low is None or bottom.high is None:
        return Estimate(top.value / bottom.value, -inf, inf)
    return Estimate(top.value / bottom.value, top.low / bottom.high, top.high / bottom.low if bottom.low else inf)


def _swaps_fall(rows: Rows) -> Iterator[PairEvidence]:
    """Rank correlation of drift / EMD with EMD."""

    def correlate(drift: Numbers, emd: Numbers) -> Numbers:
        return spearman(drift / emd, emd)

    for seed, cases in _by_seed(case for case in rows.quantized if case.emd.value):
        estimate = bootstrap(correlate, column(cases, FIRING_DRIFT.name), column(cases, FIRING_EMD.name))
        if estimate:
            yield PairEvidence(
                f"{len(cases)} cells", seed, "rank correlation", estimate, below(estimate, 0), tuple(cases)
            )


def _by_seed(cases: Iterable[Case]) -> Iterator[tuple[int, list[Case]]]:
    groups: dict[int, list[Case]] = {}
    for case in cases:
        groups.setdefault(case.seed, []).append(case)
    return ((seed, group) for seed, group in sorted(groups.items()) if len(group) >= fewest_cases())


def _rate_change(grid: str, stand: Callable[[Estimate, float], Stand]) -> Callable[[Rows], Iterable[PairEvidence]]:
    def compare(rows: Rows) -> Iterator[PairEvidence]:
        cases = rows.find(**{**UNIFORM, "grid": grid}, membrane=None, bits=2)
        for case in cases:
            estimate = widened(difference(case.score("firing_rate"), case.record.reference.firing_rate), len(cases))
            yield PairEvidence(str(case), case.seed, "mean rate change", estimate, stand(estimate, 0), (case,))

    return compare


def _grids(bits: tuple[int, ...], stand: Callable[[Estimate, Case], Stand]) -> Callable[[Rows], Iterable[PairEvidence]]:
    """EMD(endpoint) - EMD(symmetric), ranges that are found."""

    def compare(rows: Rows) -> Iterator[PairEvidence]:
        cases = rows.find(**UNIFORM, membrane=None, bits=bits, clip=FOUND_RANGES)
        pairs = [(case, other) for case in cases for other in rows.twins(case, grid="symmetric")]
        for case, other in pairs:
            estimate = emd_difference(case.emd, other.emd, len(pairs))
            what = f"{case.axes['bits']} bits, {case.axes['clip']}"
            yield PairEvidence(
                what, case.seed, "EMD, endpoint - symmetric", estimate, stand(estimate, case), (case, other)
            )

    return compare


def _within_floor(estimate: Estimate, case: Case) -> Stand:
    floor = case.seed_floor.value if case.seed_floor else None
    if floor is None:
        return "open"
    if -floor < estimate.low and estimate.high < floor:
        return "for"
    return "against" if estimate.low > floor or estimate.high < -floor else "open"


def _zero_in_membranes(rows: Rows) -> Iterator[PairEvidence]:
    cases = rows.find(**STATE, membrane_bits=2, membrane_range="signed")
    pairs = [(other, case) for case in cases for other in rows.twins(case, membrane_grid="symmetric")]
    for symmetric, endpoint in pairs:
        estimate = accuracy_difference(symmetric, endpoint, len(pairs))
        what = f"{endpoint.axes['membrane site']}, symmetric - endpoint"
        yield PairEvidence(what, endpoint.seed, "accuracy", estimate, above(estimate, 0), (symmetric, endpoint))


def _sites(metric: str, quantity: str) -> Callable[[Rows], Iterable[PairEvidence]]:
    """``pre_spike`` minus ``post_reset`` of a metric, 2 and 4 bits."""

    def compare(rows: Rows) -> Iterator[PairEvidence]:
        cases = rows.find(**STATE, membrane_bits=(2, 4), membrane_site="pre_spike")
        pairs = [(case, other) for case in cases for other in rows.twins(case, membrane_site="post_reset")]
        for case, other in pairs:
            estimate = emd_difference(case.score(metric), other.score(metric), len(pairs))
            what = f"{case.axes['membrane bits']} bits, {case.axes['membrane range']}"
            yield PairEvidence(what, case.seed, quantity, estimate, above(estimate, 0), (case, other))

    return compare


def _predicts(of: Callable[[Case], float]) -> Callable[[Rows], Iterable[PairEvidence]]:
    """Rank correlation of EMD with something else, accuracy held constant."""

    def compare(rows: Rows) -> Iterator[PairEvidence]:
        for seed, cases in _by_seed(rows.quantized):
            other = np.array([of(case) for case in cases])
            columns = column(cases, FIRING_EMD.name), other, column(cases, "accuracy")
            estimate = bootstrap(partial_spearman, *columns)
            what = f"{len(cases)} cells"
            if estimate:
                yield PairEvidence(what, seed, "partial rank correlation", estimate, above(estimate, 0), tuple(cases))

    return compare


def _events_change(case: Case) -> float:
    cost = case.record.cost
    assert cost.events.value is not None
    assert cost.reference_events.value
    return abs(cost.events.value / cost.reference_events.value - 1)


def _flips(case: Case) -> float:
    return float((case.correct != case.reference_correct).double().mean())


def _additive(rows: Rows) -> Iterator[PairEvidence]:
    """EMD(both) - EMD(weights) - EMD(membranes), lqnet and a uniform unsigned membrane of the same bits."""
    both = [case for case in rows.find(**LQNET, membrane="uniform") if case.axes["bits"] == case.axes["membrane bits"]]
    for case in both:
        membranes = _membrane_alone(rows, case)
        weights = rows.find(**{axis: case.axes[axis] for axis in (*LQNET, "bits", "clip")}, membrane=None)
        weights = tuple(other for other in weights if other.seed == case.seed)
        if weights and membranes:
            parts = [each.emd for each in (case, weights[0], membranes[0])]
            estimate = _minus_both(*parts)
            what = f"{case.axes['bits']} bits"
            cases = (case, weights[0], membranes[0])
            yield PairEvidence(what, case.seed, "EMD, both - sum", estimate, below(estimate, 0), cases)


def _membrane_alone(rows: Rows, case: Case) -> tuple[Case, ...]:
    own = {axis.replace(" ", "_"): value for axis, value in case.axes.items() if axis.startswith("membrane")}
    return tuple(other for other in rows.find(quantizer="float", **own) if other.seed == case.seed)


def _minus_both(whole: Score, first: Score, second: Score) -> Estimate:
    once = difference(whole, first)
    return difference(Score(value=once.value, low=once.low, high=once.high), second)


def _calibrated_first(rows: Rows) -> Iterator[PairEvidence]:
    """The smallest EMD of the other methods minus the larger of gptq's and adaround's, post-training."""
    if rows.mode == "qat":
        return
    for bits in (2, 3):
        for seed in rows.seeds:
            cases = [c for c in rows.find(bits=bits, membrane=None) if c.seed == seed and c.record.cell.quantizes]
            calibrated = [case for case in cases if case.axes["quantizer"] in ("gptq", "adaround")]
            others = [case for case in cases if case not in calibrated]
            if len(calibrated) < 2 or not others:
                continue
            nearest, farthest = min(others, key=_distance), max(calibrated, key=_distance)
            estimate = emd_difference(nearest.emd, farthest.emd, 1)
            what = f"{bits} bits: {nearest} - {farthest}"
            yield PairEvidence(what, seed, "EMD", estimate, above(estimate, 0), (nearest, farthest))


def _distance(case: Case) -> float:
    return case.value(FIRING_EMD.name)


def _not(stand: Callable[[Estimate, float], Stand]) -> Callable[[Estimate], Stand]:
    return lambda estimate: stand(estimate, 0)


def _no_rows_with(metric: str) -> str:
    return f"no board has rows with `{metric}`"


_ORDERED: _Ordered = (
    ("calibration error", by_metric("calibration_error"), _no_rows_with("calibration_error")),
    ("the steps of an early exit", by_metric("exit_steps"), _no_rows_with("exit_steps")),
    ("predicted energy", energy, NO_CELLS),
)
_DECISIONS: _Ordered = (
    ("the answers that are not the reference's", disagreement, _no_rows_with("agreement")),
    ("the answers that went from right to wrong or back", by_metric("flips"), _no_rows_with("flips")),
    ("the answers that went from right to wrong", by_metric("negative_flips"), _no_rows_with("negative_flips")),
)


def _ordering(letters: str, ordered: _Ordered, asked: str = "") -> Iterator[Question]:
    """Whether EMD, and drift, order each of `ordered`; `asked` is what a reader must know of the question."""
    pairs = ((by, each) for by in BY for each in ordered)
    for letter, (by, (what, of, missing)) in zip(letters, pairs, strict=True):
        told = f"Among rows within one point of the reference, {by} orders {what}: tau > 0.{asked}"
        yield Question(f"7{letter}", told, orders(by, of), missing)


QUESTIONS: Sequence[Question] = (
    Question(
        "1a",
        "From 4 bits up, fine-tuning moves firing more than quantization does: EMD(cell, control) - EMD(control, "
        "reference) < 0.",
        _control_share(4, 32, _not(below)),
    ),
    Question("1b", "At 2 bits it is the other way round.", _control_share(1, 2, _not(above))),
    Question("2a", "Where EMD is below the seed floor, drift is at least twice EMD: neurons swap roles.", _swaps),
    Question("2b", "Drift / EMD falls as EMD grows.", _swaps_fall),
    Question(
        "3a", "At 2 bits a uniform grid without 0 (endpoint) makes networks fire more.", _rate_change("endpoint", above)
    ),
    Question(
        "3b", "At 2 bits a uniform grid with 0 (symmetric) makes them fire less.", _rate_change("symmetric", below)
    ),
    Question(
        "3c",
        "At 2 bits with absmax or mse ranges the symmetric grid has the smaller EMD.",
        _grids((2,), lambda estimate, case: above(estimate, 0)),
    ),
    Question(
        "3d", "From 6 bits up there, the grids differ by less than the seed floor.", _grids((6, 8), _within_floor)
    ),
    Question("3e", "On a membrane at 2 bits the signed grid with 0 beats the one without.", _zero_in_membranes),
    Question(
        "4a", "Rounding before the test fires more than rounding what is stored.", _sites("firing_rate", "mean rate")
    ),
    Question("4b", "It has the larger EMD at 2 and 4 bits.", _sites(FIRING_EMD.name, "EMD")),
    Question("7a", "Given accuracy, EMD predicts the change of events (cost).", _predicts(_events_change)),
    Question("7b", "Given accuracy, EMD predicts flips.", _predicts(_flips)),
    *_ordering("cdefgh", _ORDERED),
    *_ordering("klmnop", _DECISIONS, " Asked after the rows were measured."),
    Question("10", "Errors of weights and membranes do not add up: EMD(both) < the sum.", _additive),
    Question("11a", "Post-training at 2 and 3 bits gptq and adaround have the smallest EMDs.", _calibrated_first),
)
