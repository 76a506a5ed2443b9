"""What the documentation says of the shelf's quantizers, fine-tuned, is what records say."""

from __future__ import annotations

import pytest
from fixtures.released import (
    BRIEF,
    ROOT,
    against_control,
    change,
    distance,
    nearer_than_another_seed,
    points_and_emd,
    records_of,
)

from snnbench.records.record import Record

CIFAR100 = ("cifar100-sew8-v5", "cifar100-sew8-v4")
SHELF: dict[str, tuple[str | None, ...]] = {
    **{name: (name,) for name in ("rescaw", "lsq", "twn", "bitnet", "apot", "adaround", "gptq", "sbc", "xnor", "qsnn")},
    "lqnet": ("lqnet", None, "narrow"),
    "uniform, clip of least squared error": ("uniform", "endpoint", "mse"),
    "uniform, clip at the largest weight": ("uniform", "endpoint", "absmax"),
    "uniform, symmetric, clip of least squared error": ("uniform", "symmetric", "mse"),
    "uniform, symmetric, clip at the largest weight": ("uniform", "symmetric", "absmax"),
}


@pytest.mark.parametrize("bits", [4, 3, 2, 1])
def test_weights_fine_tuned_are_the_leaderboards(bits: int) -> None:
    page = (ROOT / "docs" / "what-accuracy-hides.md").read_text("utf-8")
    found = [of_bits(bits, *boards) for boards in (BRIEF, CIFAR100)]
    for label in {**found[0], **found[1]}:
        shown = (points_and_emd(rows.get(label)) for rows in found)
        called = label if bits == 2 else f"{label}, {bits}"
        assert f"| {called} |{''.join(f' {each} |' if each else ' |' for each in shown)}\n" in page


def test_lqnet_is_ahead_with_two_bits_on_cifar100() -> None:
    page = " ".join((ROOT / "docs" / "what-accuracy-hides.md").read_text("utf-8").split())
    alone = {label: row for label, row in of_bits(2, *CIFAR100).items() if row.cell.membrane is None}
    assert min(alone, key=lambda label: distance(alone[label])) == "lqnet"
    assert max(alone, key=lambda label: change(alone[label])) == "lqnet"
    below = [-100 * change(alone[name]) for name in ("gptq", "sbc", "adaround")]
    said = "leaves GPTQ {:.1f} points below its control there, SBC {:.1f} and AdaRound {:.1f}."
    assert said.format(*below) in page


def of_bits(bits: int, *boards: str) -> dict[str, Record]:
    """Fine-tuned rows of the shelf, of seed 0, by what the page calls them; of a board's versions the first."""
    tuned = [each for board in boards for each in records_of(board, "qat")]
    records = [each for each in tuned if each.cell.seed == 0 and each.cell.quantizer.bits == bits]
    signed = [each for each in records if each.cell.quantizer.options.get("codes", "signed") == "signed"]
    alone = [each for each in signed if each.cell.membrane is None]
    found = {(r.cell.quantizer.name, *map(r.cell.quantizer.options.get, ("grid", "clip"))): r for r in reversed(alone)}
    named = {label: [found[key] for key in found if key[: len(start)] == start] for label, start in SHELF.items()}
    both = [each for each in records if each.cell.membrane and each.cell.quantizer.name == "lqnet" and bits == 2]
    return {label: rows[0] for label, rows in {"lqnet, membrane of 2 unsigned bits": both, **named}.items() if rows}


def test_what_is_nearer_than_another_seed_is() -> None:
    names = ("gptq", "sbc", "lsq", "adaround", "apot", "rescaw")
    four = of_bits(4, *BRIEF)
    assert [name for name in names if not nearer_than_another_seed(four[name])] == ["apot", "rescaw"]
    three, there = (of_bits(3, *boards) for boards in (BRIEF, CIFAR100))
    near = {name for name, row in three.items() if nearer_than_another_seed(row)}
    assert near == {"gptq", "sbc", "lqnet", "lsq", "adaround"}
    assert len(three) == 9
    assert [name for name in names if nearer_than_another_seed(there[name])] == ["adaround"]
    page = " ".join((ROOT / "docs" / "what-accuracy-hides.md").read_text("utf-8").split())
    cost, less = ([-100 * change(rows[name]) for name in names] for rows in (there, three))
    said = f"cost {min(cost):.1f} to {max(cost):.1f} points where the same six cost {min(less):.1f} to {max(less):.1f}"
    assert said in page
    other = there["adaround"].control.to_other_seed.firing_emd.value
    assert f"{distance(there['adaround']):.4f}" == f"{other:.4f}"
    assert f"no farther than another seed is, with {other:.4f} both" in page


def test_membranes_of_the_shelf_are_the_leaderboards() -> None:
    page = " ".join((ROOT / "docs" / "what-accuracy-hides.md").read_text("utf-8").split())
    states = {
        r.cell.membrane.name: r for r in records_of("cifar10-sew8-brief-v2", "qat") if r.cell.membrane is not None
    }
    shown = [against_control(states[name]).split(", ") for name in ("spquant", "qsnn-state")]
    assert "end at {} % and {} from the control".format(*shown[0]) in page
    assert "potentials of 8 bits at {} % and {}.".format(*shown[1]) in page


def test_mint_fine_tuned_is_the_leaderboards() -> None:
    page = " ".join((ROOT / "docs" / "what-accuracy-hides.md").read_text("utf-8").split())
    rows = {
        (board, r.cell.quantizer.bits): (100 * r.metrics["accuracy"].value, distance(r))
        for board in ("cifar10-sew8-brief-v2", "cifar100-sew8-v5")
        for r in records_of(board, "qat")
        if r.cell.quantizer.name == "mint"
    }
    assert "ends at {:.2f} % (EMD to the control {:.4f}) with 2 bits".format(*rows["cifar10-sew8-brief-v2", 2]) in page
    assert "at {:.2f} % ({:.4f}) with 4".format(*rows["cifar10-sew8-brief-v2", 4]) in page
    assert "its 2 bits end at {:.2f} % ({:.4f})".format(*rows["cifar100-sew8-v5", 2]) in page


def test_symmetric_levels_on_cifar100_are_the_leaderboards() -> None:
    page = " ".join((ROOT / "docs" / "what-accuracy-hides.md").read_text("utf-8").split())
    rows = {
        r.cell.quantizer.options["clip"]: 100 * r.metrics["accuracy"].value
        for r in records_of("cifar100-sew8-v4", "qat")
        if r.cell.quantizer.options.get("grid") == "symmetric" and r.cell.quantizer.bits == 2 and r.cell.seed == 0
    }
    assert rows["narrow"] == rows["wide"] == 1
    assert "1.00 % with either clip" in page
    assert f"{rows['absmax']:.2f} with one at the largest weight, and {rows['mse']:.2f} with a fitted one" in page
