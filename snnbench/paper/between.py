"""Hypotheses that two boards decide: protocols that differ in one thing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

from snnbench.bench.metrics import FIRING_EMD
from snnbench.examine.compare import difference, minus
from snnbench.functional import Estimate
from snnbench.paper.cases import Case, Rows, model_option
from snnbench.paper.differences import POINT, PairEvidence, Stand, above, accuracy_difference, below, emd_difference
from snnbench.paper.orders import BY, CORRUPTED, corrupted, orders_loss, same_network
from snnbench.paper.questions import NO_CELLS, quotient
from snnbench.paper.ranks import MOST_ALIKE, bootstrap, fewest_cases, spearman

_Pairs = list[tuple[Case, Case]]


@dataclass(frozen=True)
class BetweenBoards:
    """A hypothesis about pairs of boards: which pairs (`differ`), and what is compared of their common cells.

    Attributes:
        missing: what is lacking where no boards can be compared.
    """

    number: str
    hypothesis: str
    differ: Callable[[Rows, Rows], bool]
    compare: Callable[[_Pairs], Iterator[PairEvidence]]
    missing: str = NO_CELLS


def common(first: Rows, second: Rows) -> _Pairs:
    """Rows of both boards of the same cell: same axes, same seed."""
    theirs = {case.key: case for case in second.quantized}
    return [(case, theirs[case.key]) for case in first.quantized if case.key in theirs]


def _exemption(first: Rows, second: Rows) -> bool:
    whole, usual = (rows.board.protocol.quantize.exempt for rows in (first, second))
    recipes = [rows.board.protocol.finetune for rows in (first, second)]
    alike = same_network(first, second) and (first.mode == "ptq" or recipes[0] == recipes[1])
    return alike and not whole and whole is not None and usual is None


def _regularized(first: Rows, second: Rows) -> bool:
    recipe, without = (rows.board.protocol.finetune for rows in (first, second))
    same = recipe.model_copy(update={"regularize": {}}) == without
    return first.mode == "qat" and same_network(first, second) and recipe.emd_strength > 0 and same


def _modes(first: Rows, second: Rows) -> bool:
    return first.board is second.board and (first.mode, second.mode) == ("qat", "ptq")


def _neurons(first: Rows, second: Rows) -> bool:
    return _alike_but(first, second) and _options("neuron", first, second) == ["if", "lif"]


def _resets(first: Rows, second: Rows) -> bool:
    neurons = _options("neuron", first, second)
    return (
        _alike_but(first, second) and neurons[0] == neurons[1] and _options("reset", first, second) == ["soft", "hard"]
    )


def _alike_but(first: Rows, second: Rows) -> bool:
    return _besides_neurons(first) == _besides_neurons(second)


def _besides_neurons(rows: Rows) -> tuple[object, ...]:
    protocol = rows.board.protocol
    return rows.mode, protocol.data.name, protocol.model.name, protocol.quantize


def _options(name: str, *each: Rows) -> list[object]:
    return [model_option(rows.board, name) for rows in each]


def _lqnet_accuracy(bits: int, stand: Callable[[Estimate, float], Stand]) -> Callable[[_Pairs], Iterator[PairEvidence]]:
    """Accuracy with every layer quantized minus that with the first and last exempt."""

    def compare(pairs: _Pairs) -> Iterator[PairEvidence]:
        chosen = [(a, b) for a, b in pairs if a.matches({"quantizer": "lqnet", "bits": bits, "membrane": None})]
        for case, other in chosen:
            estimate = accuracy_difference(case, other, len(chosen))
            yield PairEvidence(str(case), case.seed, "accuracy", estimate, stand(estimate, -POINT), (case, other))

    return compare


def _regularized_emd(pairs: _Pairs) -> Iterator[PairEvidence]:
    for case, other in _two_bits(pairs):
        estimate = emd_difference(other.emd, case.emd, len(_two_bits(pairs)))
        yield PairEvidence(str(case), case.seed, "EMD, without - with", estimate, above(estimate, 0), (case, other))


def _regularized_accuracy(pairs: _Pairs) -> Iterator[PairEvidence]:
    for case, other in _two_bits(pairs):
        estimate = accuracy_difference(case, other, len(_two_bits(pairs)))
        yield PairEvidence(
            str(case), case.seed, "accuracy, with - without", estimate, above(estimate, -POINT), (case, other)
        )


def _ratio(pairs: _Pairs) -> Iterator[PairEvidence]:
    """Largest over smallest EMD of the methods at 2 bits, fine-tuned minus post-training."""
    for seed in sorted({case.seed for case, _ in pairs}):
        chosen = [pair for pair in _two_bits(pairs) if pair[0].seed == seed and pair[0].axes["membrane"] is None]
        if len(chosen) > 1:
            tuned, after = (_spread(side) for side in zip(*chosen, strict=True))
            estimate = minus(tuned, after)
            yield PairEvidence(
                f"{len(chosen)} methods", seed, "ratio, qat - ptq", estimate, below(estimate, 0), _all(chosen)
            )


def _spread(cases: Sequence[Case]) -> Estimate:
    """The largest EMD over the smallest."""
    ordered = sorted(cases, key=lambda case: case.value(FIRING_EMD.name))
    return quotient(ordered[-1].emd, ordered[0].emd)


def _all(pairs: _Pairs) -> tuple[Case, ...]:
    return tuple(case for pair in pairs for case in pair)


def _two_bits(pairs: _Pairs) -> _Pairs:
    return [(a, b) for a, b in pairs if a.axes["bits"] == 2]


def _same_order(pairs: _Pairs) -> Iterator[PairEvidence]:
    if len(pairs) < fewest_cases():
        return
    ours, theirs = (np.array([case.emd.value for case in side]) for side in zip(*pairs, strict=True))
    estimate = bootstrap(spearman, ours, theirs)
    if estimate:
        stand = above(estimate, MOST_ALIKE)
        yield PairEvidence(f"{len(pairs)} cells", None, "rank correlation of EMD", estimate, stand, _all(pairs))


def _larger(pairs: _Pairs) -> Iterator[PairEvidence]:
    """Share of 2-bit cells whose EMD in units of the seed floor is larger with IF; exact binomial interval."""
    ratios = [(pair, _in_floors(pair[0]), _in_floors(pair[1])) for pair in _two_bits(pairs)]
    known = [(pair, a > b) for pair, a, b in ratios if a is not None and b is not None]
    if known:
        larger = sum(is_larger for _, is_larger in known)
        interval = binomtest(larger, len(known)).proportion_ci(0.95)
        estimate = Estimate(larger / len(known), float(interval.low), float(interval.high))
        told, cases = f"{larger} of {len(known)} cells", _all([pair for pair, _ in known])
        yield PairEvidence(told, None, "share", estimate, above(estimate, 0.5), cases)


def _in_floors(case: Case) -> float | None:
    floor, emd = case.seed_floor, case.emd.value
    return emd / floor.value if floor and floor.value and emd is not None else None


def _reset_changes(pairs: _Pairs) -> Iterator[PairEvidence]:
    """Difference of the accuracy changes, each against its own reference, at 4 bits of membrane."""
    chosen = [(a, b) for a, b in pairs if a.matches({"quantizer": "float", "membrane bits": 4})]
    for soft, hard in chosen:
        estimate = difference(soft.score("accuracy_change"), hard.score("accuracy_change"))
        inside = estimate.low > -POINT and estimate.high < POINT
        outside = estimate.low > POINT or estimate.high < -POINT
        stand: Stand = "for" if inside else "against" if outside else "open"
        yield PairEvidence(str(soft), soft.seed, "accuracy change, soft - hard", estimate, stand, (soft, hard))


BETWEEN: Sequence[BetweenBoards] = (
    BetweenBoards(
        "5a",
        "Quantizing the first convolution and the last linear layer too costs more than one point at 2 bits (lqnet).",
        _exemption,
        _lqnet_accuracy(2, below),
    ),
    BetweenBoards("5b", "It costs less than one point at 4 bits.", _exemption, _lqnet_accuracy(4, above)),
    BetweenBoards("6a", "The methods come in the same order with IF and LIF (above 0.9).", _neurons, _same_order),
    BetweenBoards("6b", "At 2 bits EMD in units of the seed floor is larger with IF.", _neurons, _larger),
    *(
        BetweenBoards(
            f"7{letter}",
            f"Among rows within one point of the reference, {by} orders the accuracy lost under corruption: tau > 0.",
            corrupted,
            orders_loss(by),
            f"no board is of `{CORRUPTED}`",
        )
        for letter, by in zip("ij", BY, strict=True)
    ),
    BetweenBoards("8a", "At 2 bits EMD in the loss lowers the EMD.", _regularized, _regularized_emd),
    BetweenBoards("8b", "It does so at less than one point of accuracy.", _regularized, _regularized_accuracy),
    BetweenBoards(
        "9",
        "At 4 bits of membrane the reset does not matter: accuracy changes differ by less than one point.",
        _resets,
        _reset_changes,
    ),
    BetweenBoards(
        "11b", "Fine-tuning brings methods together: largest over smallest EMD at 2 bits falls.", _modes, _ratio
    ),
)
