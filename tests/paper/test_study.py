"""Hypotheses, the paper's point, and the page that is generated."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fixtures.rows import Maker

from snnbench.paper.claims import judge
from snnbench.paper.page import write_page
from snnbench.paper.questions import QUESTIONS
from snnbench.paper.study import Study, document, outcome, read_study

ROOT = Path(__file__).resolve().parents[2]
GRID: dict[str, Any] = {"clip": "absmax", "per": "tensor", "range": "signed"}
STATE: dict[str, Any] = {"grid": "endpoint", "clip": "narrow", "per": "tensor"}


def answered(make: Maker, number: str, *cases: Any, mode: str = "ptq") -> str:
    (question,) = (each for each in QUESTIONS if each.number == number)
    return outcome(tuple(question.compare(make.rows(*cases, mode=mode))))


@pytest.mark.parametrize(("moved", "expected"), [(0.001, "confirmed"), (0.01, "refuted"), (0.005, "not resolved")])
def test_what_fine_tuning_moves_is_held_against_what_quantization_moves(
    make: Maker, moved: float, expected: str
) -> None:
    case = make.case("lqnet", 4, accuracy=0.8, emd=0.5, moved=moved, trained=0.005, mode="qat")
    assert answered(make, "1a", case, mode="qat") == expected
    assert answered(make, "1b", case, mode="qat") == "missing"


@pytest.mark.parametrize(("drift", "expected"), [(0.01, "confirmed"), (0.003, "refuted"), (0.004, "not resolved")])
def test_drift_is_held_against_emd_below_the_seed_floor_only(make: Maker, drift: float, expected: str) -> None:
    assert answered(make, "2a", make.case("x", 4, accuracy=0.8, emd=0.002, drift=drift)) == expected
    assert answered(make, "2a", make.case("x", 4, accuracy=0.8, emd=0.02, drift=drift)) == "missing"


@pytest.mark.parametrize(("symmetric", "expected"), [(0.01, "confirmed"), (0.05, "refuted")])
def test_grids_are_compared_at_the_same_range(make: Maker, symmetric: float, expected: str) -> None:
    endpoint = make.case("uniform", 2, accuracy=0.5, emd=0.03, grid="endpoint", **GRID)
    other = make.case("uniform", 2, accuracy=0.5, emd=symmetric, grid="symmetric", **GRID)
    elsewhere = make.case("uniform", 2, accuracy=0.5, emd=0.9, grid="symmetric", **{**GRID, "clip": "mse"})
    assert answered(make, "3c", endpoint, other, elsewhere) == expected


def test_sites_are_compared_at_the_same_range_and_bits(make: Maker) -> None:
    cases = [
        make.case("float", 32, accuracy=0.8, emd=emd, membrane={**STATE, "bits": 2, "range": "signed", "site": site})
        for site, emd in (("pre_spike", 0.02), ("post_reset", 0.01))
    ]
    assert answered(make, "4b", *cases) == "confirmed"


def test_errors_of_weights_and_membranes_are_held_against_their_sum(make: Maker) -> None:
    state = {**STATE, "bits": 2, "range": "unsigned"}
    options = {"clip": "narrow", "codes": "signed"}
    both = make.case("lqnet", 2, accuracy=0.8, emd=0.02, membrane=state, **options)
    weights = make.case("lqnet", 2, accuracy=0.8, emd=0.015, **options)
    membranes = make.case("float", 32, accuracy=0.8, emd=0.010, membrane=state)
    assert answered(make, "10", both, weights, membranes) == "confirmed"
    assert answered(make, "10", both, weights) == "missing"


@pytest.mark.parametrize(
    ("changed", "is_point"),
    [
        ({}, True),
        ({"accuracy": 0.70}, False),  # not within a point
        ({"emd": 0.005}, False),  # not above the seed floor
        ({"p_value": 0.2}, False),  # not above the null
    ],
)
def test_the_papers_point_is_equal_accuracy_and_other_firing(make: Maker, changed: dict, is_point: bool) -> None:
    case = make.case("x", 4, **{"accuracy": 0.8, "emd": 0.02, **changed})
    study = Study((make.rows(case),), (), ())
    assert [found for _, found in study.point] == ([case] if is_point else [])


def test_fine_tuned_cells_must_be_above_chance_in_training_too(make: Maker) -> None:
    case = make.case("x", 4, accuracy=0.8, emd=0.5, moved=0.02, mode="qat")
    assert Study((make.rows(case, mode="qat"),), (), ()).point == []  # as far as two controls are apart


def test_what_all_boards_say_together_is_what_each_says(make: Maker) -> None:
    def state(which: str, accuracy: float) -> Any:
        spec = {**STATE, "grid": "endpoint", "bits": 2, "range": which, "site": "post_reset"}
        return make.case("float", 32, accuracy=accuracy, emd=0.01, membrane=spec)

    holds = make.rows(state("unsigned", 0.8), state("signed", 0.5))
    fails = make.rows(state("unsigned", 0.5), state("signed", 0.8))
    judged = [judgement for rows in (holds, fails, fails) for judgement in judge(rows) if judgement.claim == 6]
    study = Study((holds, fails), tuple(each for rows in (holds, fails, fails) for each in judge(rows)), ())
    counts = [len(each.comparisons) for each in judged]
    verdicts = ", ".join(str([each.verdict for each in judged].count(name)) for name in ("holds", "fails"))
    line = f"| 6 | {counts[0]}, {counts[1] + counts[2]}, 0 | {verdicts}, "
    assert min(counts) > 0
    assert line in write_page(study, ())


def test_boards_without_anything_that_a_claim_compares_are_a_sentence(make: Maker) -> None:
    rows = make.rows(make.case("lqnet", 4, accuracy=0.8, emd=0.02))
    page = write_page(Study((rows,), tuple(judge(rows)), ()), ())
    section = page.partition("## Claim 1\n")[2].partition("## Claim 2\n")[0]
    assert f"*missing* on 1 (nothing there that the claim compares): {rows.board.name} ptq." in section
    assert "|" not in section


@pytest.mark.timeout(600)  # all boards are read
def test_the_page_is_what_the_boards_say(shipped_boards: Path) -> None:
    study = read_study(shipped_boards)
    page = (ROOT / "docs" / "paper.md").read_text("utf-8")
    pictures = [tuple(line[2:-1].split("](")) for line in page.splitlines() if line.startswith("![")]
    assert pictures
    assert all((ROOT / "docs" / file).is_file() for _, file in pictures)
    assert write_page(study, pictures) == page, "run: snnbench report paper --out docs/paper.md"
    json.dumps(document(study), allow_nan=False)
