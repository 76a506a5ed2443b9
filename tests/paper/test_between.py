"""Hypotheses that two boards decide."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import Any

import pytest
from fixtures.rows import Maker

from snnbench.paper.between import BETWEEN
from snnbench.paper.cases import Case, Rows
from snnbench.paper.differences import PairEvidence
from snnbench.protocols.document import Quantize
from snnbench.records.cell import Mode

UNIFORM = {"clip": "narrow", "grid": "endpoint", "per": "tensor", "range": "signed"}
LQNET = {"clip": "narrow", "codes": "signed"}


def compared(number: str, pairs: list[tuple[Case, Case]]) -> list[PairEvidence]:
    (question,) = (each for each in BETWEEN if each.number == number)
    return list(question.compare(pairs))


def test_a_share_is_of_the_cells_that_are_compared(make: Maker) -> None:
    two, four = (
        tuple(make.case("uniform", bits, accuracy=0.8, emd=emd, **UNIFORM) for emd in (0.05, 0.01)) for bits in (2, 4)
    )
    (found,) = compared("6b", [two, four])
    assert (found.what, found.estimate.value) == ("1 of 1 cells", 1.0)
    assert found.cases == two


def test_methods_of_which_one_may_be_as_near_as_the_reference_give_an_open_ratio(make: Maker) -> None:
    pairs = [
        tuple(make.case(name, 2, accuracy=0.8, emd=emd, mode=mode, **options) for mode in ("qat", "ptq"))
        for name, emd, options in (("uniform", 0.05, UNIFORM), ("lqnet", 0.0001, LQNET))
    ]
    (found,) = compared("11b", pairs)
    assert (found.estimate.low, found.estimate.high, found.stand) == (-inf, inf, "open")


@pytest.mark.parametrize(
    ("mode", "changes", "compared"),
    [("qat", {}, True), ("ptq", {}, False), ("qat", {"learning_rate": 0.5}, False), ("qat", {"regularize": {}}, False)],
)
def test_emd_in_the_loss_is_all_that_two_recipes_differ_in(
    make: Maker, mode: str, changes: dict[str, Any], compared: bool
) -> None:
    (question,) = (each for each in BETWEEN if each.number == "8a")
    case = make.case("uniform", 2, accuracy=0.8, emd=0.05, mode=mode, **UNIFORM)
    protocol = make.board.protocol
    finetune = protocol.finetune.model_copy(update={"regularize": {"firing_emd": 10.0}, **changes})
    other = replace(make.board, protocol=protocol.model_copy(update={"finetune": finetune}))
    assert question.differ(Rows(other, case.record.cell.mode, (case,)), make.rows(case, mode=mode)) == compared


@pytest.mark.parametrize(
    ("first", "second", "compared"),
    [
        ({"neuron": "if", "reset": "soft"}, {"neuron": "if", "reset": "hard"}, True),
        ({"neuron": "if", "reset": "soft"}, {"neuron": "lif", "reset": "hard"}, False),
        ({"neuron": "if", "reset": "hard"}, {"neuron": "if", "reset": "soft"}, False),
    ],
)
def test_the_reset_is_compared_between_neurons_of_one_kind(
    make: Maker, first: dict[str, Any], second: dict[str, Any], compared: bool
) -> None:
    (question,) = (each for each in BETWEEN if each.number == "9")
    case = make.case("uniform", 4, accuracy=0.8, emd=0.05, **UNIFORM)
    protocol = make.board.protocol
    model = protocol.model
    boards = [
        replace(
            make.board,
            protocol=protocol.model_copy(
                update={"model": model.model_copy(update={"options": {**model.options, **options}})}
            ),
        )
        for options in (first, second)
    ]
    ours, theirs = (Rows(board, "ptq", (case,)) for board in boards)
    assert question.differ(ours, theirs) == compared


@pytest.mark.parametrize(("exempt", "compared"), [(None, True), ((), False)])
def test_neurons_are_compared_where_the_same_layers_are_exempt(
    make: Maker, exempt: tuple[str, ...] | None, compared: bool
) -> None:
    (question,) = (each for each in BETWEEN if each.number == "6a")
    case = make.case("uniform", 4, accuracy=0.8, emd=0.05, **UNIFORM)
    protocol = make.board.protocol

    def rows(neuron: str, exempt: tuple[str, ...] | None) -> Rows:
        model = protocol.model.model_copy(update={"options": {**protocol.model.options, "neuron": neuron}})
        changed = protocol.model_copy(update={"model": model, "quantize": Quantize(exempt=exempt)})
        return Rows(replace(make.board, protocol=changed), "ptq", (case,))

    assert question.differ(rows("if", exempt), rows("lif", None)) == compared


@pytest.mark.parametrize(("mode", "epochs", "compared"), [("qat", 1, True), ("qat", 2, False), ("ptq", 2, True)])
def test_exemptions_are_compared_where_fine_tuning_is_the_same(
    make: Maker, mode: Mode, epochs: int, compared: bool
) -> None:
    (question,) = (each for each in BETWEEN if each.number == "5a")
    case = make.case("lqnet", 2, accuracy=0.8, emd=0.05, mode=mode)
    protocol = make.board.protocol

    def rows(exempt: tuple[str, ...] | None, epochs: int) -> Rows:
        stages = tuple(stage.model_copy(update={"epochs": epochs}) for stage in protocol.finetune.stages)
        recipe = protocol.finetune.model_copy(update={"stages": stages})
        changed = protocol.model_copy(update={"quantize": Quantize(exempt=exempt), "finetune": recipe})
        return Rows(replace(make.board, protocol=changed), mode, (case,))

    assert question.differ(rows((), 1), rows(None, epochs)) == compared
