"""Hypothesis 7's second half: does EMD, or drift, order rows of like accuracy by what else broke?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from snnbench.bench.metrics import FIRING_DRIFT, FIRING_EMD
from snnbench.functional import Estimate
from snnbench.paper.cases import Case, Rows
from snnbench.paper.differences import POINT, PairEvidence, above
from snnbench.paper.ranks import bootstrap, column, fewest_cases, kendall

CORRUPTED = "cifar10c"
"""The data set on which corruption loss is measured."""

BY = {"EMD": FIRING_EMD.name, "drift": FIRING_DRIFT.name}
Of = Callable[[Case], float | None]


def near(cases: Iterable[Case]) -> list[Case]:
    """The cases within one point of their reference's accuracy; of those that are one network, as two clips that clip
    nothing are, the first."""
    found: dict[tuple[float, ...], Case] = {}
    for case in cases:
        if abs(case.value("accuracy_change")) <= POINT:
            found.setdefault((case.seed, *(case.value(name) for name in ("accuracy", *BY.values()))), case)
    return list(found.values())


def by_metric(metric: str) -> Of:
    """The value of a metric; None where the record does not have it."""

    def of(case: Case) -> float | None:
        found = case.record.metrics.get(metric)
        return None if found is None else found.value

    return of


def disagreement(case: Case) -> float | None:
    """The share of answers that are not the reference's; None where the record does not have it."""
    found = by_metric("agreement")(case)
    return None if found is None else 1 - found


def energy(case: Case) -> float:
    """The 45 nm proxy of an image, in picojoule."""
    return case.record.cost.fixed_picojoule + case.record.cost.event_picojoule


def orders(by: str, of: Of) -> Callable[[Rows], Iterator[PairEvidence]]:
    """Kendall's tau, over rows of one seed within one point of the reference, of `BY[by]` with something else."""

    def compare(rows: Rows) -> Iterator[PairEvidence]:
        known = [(case, value) for case in near(rows.quantized) if (value := of(case)) is not None]
        yield from _by_seed(by, known)

    return compare


def orders_loss(by: str) -> Callable[[Sequence[tuple[Case, Case]]], Iterator[PairEvidence]]:
    """The same of the accuracy that is lost under corruption; pairs are of a clean row and the corrupted one."""

    def compare(pairs: Sequence[tuple[Case, Case]]) -> Iterator[PairEvidence]:
        kept = set(map(id, near(clean for clean, _ in pairs)))
        chosen = [(clean, dirty) for clean, dirty in pairs if id(clean) in kept]
        yield from _by_seed(by, [(clean, clean.value("accuracy") - dirty.value("accuracy")) for clean, dirty in chosen])

    return compare


def same_network(first: Rows, second: Rows) -> bool:
    """Whether both start from the same weights, in the same mode."""
    weights = [{case.record.cell.weights for case in rows.cases} for rows in (first, second)]
    return first.mode == second.mode and bool(weights[0] & weights[1])


def corrupted(first: Rows, second: Rows) -> bool:
    """Whether the second board shows the first one's network corrupted images."""
    data = [rows.board.protocol.data.name for rows in (first, second)]
    return same_network(first, second) and data == ["cifar10", CORRUPTED]


def _by_seed(by: str, known: Sequence[tuple[Case, float]]) -> Iterator[PairEvidence]:
    for seed in sorted({case.seed for case, _ in known}):
        own = [(case, value) for case, value in known if case.seed == seed]
        cases, values = [case for case, _ in own], np.array([value for _, value in own])
        estimate = bootstrap(kendall, column(cases, BY[by]), values) if len(own) > 1 else None
        if estimate is None:
            continue
        few = len(own) < fewest_cases()
        told = f"n = {len(own)}{f', fewer than {fewest_cases()}' if few else ''}"
        shown = Estimate(estimate.value, -1.0, 1.0) if few else estimate
        yield PairEvidence(told, seed, f"Kendall's tau of {by}", shown, above(shown, 0), tuple(cases))
