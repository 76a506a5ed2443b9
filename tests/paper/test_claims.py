"""Every claim on rows that decide it, either way, and on rows that do not."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from fixtures.rows import Maker, score
from scipy.stats import norm

from snnbench.paper.cases import read_rows
from snnbench.paper.claims import BITS, CLAIMS, judge
from snnbench.paper.differences import accuracy_difference, emd_difference, shared

UNIFORM: dict[str, Any] = {"grid": "endpoint", "per": "tensor", "range": "signed"}
LQNET: dict[str, Any] = {"codes": "signed"}
STATE: dict[str, Any] = {"grid": "endpoint", "clip": "narrow", "per": "tensor"}


def verdict(make: Maker, claim: int, *cases: Any, mode: str = "ptq") -> str:
    (found,) = (each for each in judge(make.rows(*cases, mode=mode)) if each.claim == claim)
    return found.verdict


def test_without_rows_every_claim_is_missing(make: Maker) -> None:
    assert [each.verdict for each in judge(make.rows())] == ["missing"] * len(CLAIMS)


@pytest.mark.parametrize(
    ("wide", "narrow", "expected"),
    [
        ((0.80, 0.05), (0.80, 0.01), "holds"),
        ((0.80, 0.01), (0.80, 0.05), "fails"),
        ((0.80, 0.01), (0.80, 0.01), "not resolved"),
        ((0.75, 0.05), (0.80, 0.01), "not resolved"),  # more than a point apart
        ((0.10, 0.05), (0.10, 0.01), "not resolved"),  # both collapse
    ],
)
def test_claim_1(make: Maker, wide: tuple, narrow: tuple, expected: str) -> None:
    cases = [
        make.case("uniform", bits, accuracy=accuracy, emd=emd, clip=clip, **UNIFORM)
        for bits in BITS
        for clip, (accuracy, emd) in (("wide", wide), ("narrow", narrow))
    ]
    assert verdict(make, 1, *cases) == expected
    if expected == "holds":
        assert verdict(make, 1, *cases[2:]) == "not resolved"  # a pair is missing


@pytest.mark.parametrize(("emd", "expected"), [(0.001, "holds"), (0.02, "fails"), (0.007, "not resolved")])
def test_claim_2(make: Maker, emd: float, expected: str) -> None:
    cases = [
        make.case("lqnet", bits, accuracy=0.8, emd=emd if bits == 2 else 0.001, clip=clip, **LQNET)
        for bits in BITS
        for clip in ("narrow", "wide")
    ]
    assert verdict(make, 2, *cases) == expected
    tuned = [
        make.case("lqnet", bits, accuracy=0.8, emd=0.5, moved=emd, mode="qat", clip=clip, **LQNET)
        for bits in BITS
        for clip in ("narrow", "wide")
    ]
    assert verdict(make, 2, *tuned, mode="qat") == expected  # against the control, not the reference


def test_clips_that_make_no_difference_are_told(make: Maker) -> None:
    cases = [make.case("lqnet", 2, accuracy=0.8, emd=0.001, clip=clip, **LQNET) for clip in ("narrow", "wide")]
    (found,) = (each for each in judge(make.rows(*cases)) if each.claim == 2)
    assert found.reason == "narrow and wide fire alike to the spike in 1 of 1 pairs"


@pytest.mark.parametrize(("lqnet", "expected"), [(0.80, "holds"), (0.795, "holds"), (0.77, "fails")])
def test_claim_3(make: Maker, lqnet: float, expected: str) -> None:
    cases = [
        make.case(name, bits, accuracy=accuracy, emd=0.01, clip=clip, **options)
        for bits in BITS
        for clip in ("narrow", "wide")
        for name, accuracy, options in (("lqnet", lqnet, LQNET), ("uniform", 0.80, UNIFORM))
    ]
    assert verdict(make, 3, *cases) == expected


@pytest.mark.parametrize(
    ("uniform", "lqnet", "expected"), [(0.3, 0.82, "holds"), (0.82, 0.82, "fails"), (0.3, 0.3, "fails")]
)
def test_claim_4(make: Maker, uniform: float, lqnet: float, expected: str) -> None:
    first = make.case("uniform", 2, accuracy=uniform, emd=0.1, clip="wide", **UNIFORM)
    second = make.case("lqnet", 2, accuracy=lqnet, emd=0.1, clip="wide", **LQNET)
    assert verdict(make, 4, first, second) == expected
    assert verdict(make, 4, first) != "holds"


@pytest.mark.parametrize(("accuracy", "expected"), [(0.86, "holds"), (0.80, "fails")])
def test_claim_5(make: Maker, accuracy: float, expected: str) -> None:
    cases = [
        make.case(
            "float", 32, accuracy=accuracy, emd=0.001, membrane={**STATE, "bits": bits, "range": kind, "site": site}
        )
        for bits in (4, 6, 8)
        for kind in ("signed", "unsigned")
        for site in ("post_reset", "pre_spike")
    ]
    assert verdict(make, 5, *cases) == expected


@pytest.mark.parametrize(("unsigned", "expected"), [(0.75, "holds"), (0.65, "fails"), (0.70, "not resolved")])
def test_claim_6(make: Maker, unsigned: float, expected: str) -> None:
    cases = [
        make.case("float", 32, accuracy=accuracy, emd=0.01, membrane={**STATE, "bits": 2, "range": kind, "site": site})
        for site in ("post_reset", "pre_spike")
        for kind, accuracy in (("unsigned", unsigned), ("signed", 0.70))
    ]
    assert verdict(make, 6, *cases) == expected


@pytest.mark.parametrize(
    ("accuracies", "expected"),
    [((0.1, 0.8), "holds"), ((0.8, 0.8), "fails"), ((0.8,), "not resolved"), ((), "missing")],
)
def test_claim_7(make: Maker, accuracies: tuple[float, ...], expected: str) -> None:
    control = make.case("float", 32, accuracy=0.8, emd=0.001, mode="qat")
    cases = [
        make.case("float", 32, accuracy=each, emd=0.1, mode="qat", membrane={"name": "lqnet", "bits": bits, **LQNET})
        for bits, each in zip((2, 4), accuracies, strict=False)
    ]
    assert verdict(make, 7, control, *cases, mode="qat") == expected
    assert verdict(make, 7, *cases, mode="qat") == "missing"  # without its control nothing is judged


def test_one_seed_against_is_not_every_seed(make: Maker) -> None:
    def cases(seed: int, unsigned: float) -> list[Any]:
        return [
            make.case("float", 32, accuracy=each, emd=0.01, seed=seed, membrane={**STATE, "bits": 2, "range": kind})
            for kind, each in (("unsigned", unsigned), ("signed", 0.70))
        ]

    assert verdict(make, 6, *cases(0, 0.65), *cases(1, 0.75)) == "not resolved"
    assert verdict(make, 6, *cases(0, 0.65), *cases(1, 0.65)) == "fails"


def test_intervals_widen_with_the_comparisons(make: Maker) -> None:
    a, b = (make.case("x", 2, accuracy=each, emd=0.01) for each in (0.80, 0.78))
    once, often = (accuracy_difference(a, b, count) for count in (1, 10))
    ratio = norm.ppf(1 - 0.025 / 10) / norm.ppf(0.975)
    assert (often.high - often.low) / (once.high - once.low) == pytest.approx(ratio)
    assert shared(10) == pytest.approx(0.995)
    assert once.value == pytest.approx(float(a.correct.double().mean() - b.correct.double().mean()))
    emd = emd_difference(score(0.03, 0.003), score(0.01, 0.004), 1)
    assert (emd.low, emd.value, emd.high) == pytest.approx((0.02 - 0.005, 0.02, 0.02 + 0.005))


def test_shipped_rows_are_compared_by_their_evidence(shipped_boards: Any) -> None:
    (rows,) = (r for r in read_rows(shipped_boards) if r.board.name == "cifar10-sew8-v3" and r.mode == "ptq")
    for case in rows.quantized:
        assert float(case.correct.double().mean()) == pytest.approx(case.score("accuracy").value)
        assert torch.is_tensor(case.reference_correct)
