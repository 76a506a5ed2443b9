"""What the documentation says of fine-tuning is what records say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from fixtures.released import (
    BRIEF,
    ENDS,
    ROOT,
    against_control,
    change,
    change_against_control,
    distance,
    has_the_first_levels,
    nearer,
    nearer_than_another_seed,
    points_and_emd,
    records_of,
    tuned_by,
)

from snnbench.records.record import Record

TUNED = [("lqnet", "narrow", bits) for bits in (8, 6, 4, 2)] + [
    ("uniform", clip, bits) for clip, every in (("narrow", (8, 6, 4, 2)), ("wide", (8, 4, 2))) for bits in every
]
CONTROL = ("float", None, 32, "None")
SEEDED = {
    **{f"lqnet {bits}": ("lqnet", "narrow", bits, "None") for bits in (4, 2)},
    **{f"uniform, {clip}, {bits}": ("uniform", clip, bits, "None") for clip in ("narrow", "wide") for bits in (4, 2)},
    **{f"membrane, {which}, 2": (*CONTROL[:3], (2, which, *ENDS)) for which in ("unsigned", "signed")},
}
MORE_BITS = {
    f"uniform, {clip}, {bits}": ("uniform", clip, bits, "None") for clip in ("narrow", "wide") for bits in (8, 6)
}
FOUR_BITS = {f"membrane, {which}, 4": (*CONTROL[:3], (4, which, *ENDS)) for which in ("unsigned", "signed")}
ELSEWHERE = ("cifar100-sew8-v4", "cifar10-sew18-v2", "cifar100-sew18-v2")
WHOLE = {
    "CIFAR-10": (BRIEF, ("cifar10-sew8-whole-v1",)),
    "CIFAR-100": (("cifar100-sew8-v4",), ("cifar100-sew8-whole-v1",)),
}
LIF_TUNED = {label: SEEDED[label] for label in ("lqnet 2", "uniform, narrow, 2", "membrane, unsigned, 2")}
REGULARIZED = {
    "lqnet": ("lqnet", "narrow", 2, "None"),
    "uniform, narrow": ("uniform", "narrow", 2, "None"),
    "uniform, wide": ("uniform", "wide", 2, "None"),
}


def test_what_fine_tuning_does_is_the_leaderboards() -> None:
    records = [each for each in records_of("cifar10-sew8-brief-v1", "qat") if each.cell.membrane is None]
    found = {(r.cell.quantizer.name, r.cell.quantizer.options.get("clip"), r.cell.quantizer.bits): r for r in records}
    page = (ROOT / "docs" / "what-accuracy-hides.md").read_text("utf-8")
    assert f"| control | {100 * found['float', None, 32].metrics['accuracy'].value:.2f} | 0 |" in page
    for name, clip, bits in TUNED:
        record = found[name, clip, bits]
        assert record.control is not None
        apart = record.control.to_cell.firing_emd.value
        label = f"lqnet {bits}" if name == "lqnet" else f"uniform, {clip}, {bits}"
        assert f"| {label} | {100 * record.metrics['accuracy'].value:.2f} | {apart:.4f} |" in page


def test_seeds_of_fine_tuning_are_the_leaderboards() -> None:
    boards = ("cifar10-sew8-brief-v1", "cifar10-sew8-brief-v2")
    records = [record for board in boards for record in records_of(board, "qat")]
    found = {(tuned_by(record), record.cell.seed): record for record in reversed(records)}
    page = (ROOT / "docs" / "what-accuracy-hides.md").read_text("utf-8")
    more = [tuned_elsewhere("cifar100-sew8-v4", seed) for seed in (0, 1)] + [tuned_elsewhere("cifar100-sew8-v5", 2)]
    near = {}
    for label, key in SEEDED.items():
        shown = [*(found[key, seed] for seed in (0, 1, 2)), *(each[whatever_clip(key)] for each in more)]
        near[label] = [nearer_than_another_seed(record) for record in shown]
        apart = [record.control.to_cell.firing_emd.value for record in shown]
        assert f"| {label} | {' | '.join(f'{emd:.4f}' for emd in apart)} |" in page
    others = [found[CONTROL, seed].control.to_other_seed.firing_emd.value for seed in (1, 2)]
    others += [each[CONTROL].control.to_other_seed.firing_emd.value for each in more]
    assert "{:.4f} and {:.4f} from that of seed 0".format(*others) in " ".join(page.split())
    said = "on CIFAR-100 {2:.4f} and {3:.4f} from one another, and {4:.4f} for seed 2"
    assert said.format(*others) in " ".join(page.split())
    assert near["membrane, unsigned, 2"] == [True, True, True, True, False, False]
    assert all(near["lqnet 4"])
    assert not any(
        value for label in ("uniform, narrow, 4", "uniform, wide, 4", "membrane, signed, 2") for value in near[label]
    )


def test_fine_tuning_elsewhere_is_the_leaderboards() -> None:
    page = (ROOT / "docs" / "what-accuracy-hides.md").read_text("utf-8")
    found = [tuned_elsewhere(board, 0) for board in ELSEWHERE]
    controls = (" or ".join(accuracies_of_controls(board)) for board in ELSEWHERE)
    assert f"| control, accuracy | {' | '.join(controls)} |\n" in page
    for label, key in {**SEEDED, **MORE_BITS, **FOUR_BITS}.items():
        shown = (points_and_emd(board.get(whatever_clip(key))) for board in found)
        assert f"| {label} |{''.join(f' {each} |' if each else ' |' for each in shown)}\n" in page
    chance = (board[CONTROL].control.to_other_seed.firing_emd.value for board in found)
    assert "{:.4f}, {:.4f} and {:.4f} apart".format(*chance) in " ".join(page.split())
    moved = [board[CONTROL].control.firing_emd.value for board in found]
    assert "have moved {1:.4f} and {2:.4f} from their references".format(*moved) in " ".join(page.split())
    assert f"where the other two have moved {moved[0]:.4f} and" in " ".join(page.split())


def accuracies_of_controls(board: str) -> list[str]:
    """One for each kind of processor on which rows of seed 0 were fine-tuned."""
    tuned = (record for record in records_of(board, "qat") if record.cell.seed == 0)
    return sorted({f"{100 * record.control.accuracy.value:.2f}" for record in tuned}, reverse=True)


def test_what_is_as_elsewhere_is() -> None:
    for board, seed in (*((board, 0) for board in ELSEWHERE), ("cifar100-sew8-v4", 1)):
        tuned = tuned_elsewhere(board, seed)
        asked = {**SEEDED, **FOUR_BITS, **MORE_BITS}.items() if seed == 0 else SEEDED.items()
        rows = {label: tuned[found] for label, key in asked if (found := whatever_clip(key)) in tuned}
        assert set(SEEDED) <= set(rows)
        near = {label for label, record in rows.items() if nearer_than_another_seed(record)}
        assert "lqnet 4" in near
        assert near.isdisjoint({"uniform, narrow, 4", "uniform, wide, 4", "membrane, signed, 2"})
        assert nearer(rows["membrane, unsigned, 2"], rows["membrane, signed, 2"])
        if "sew18" in board:
            assert {"membrane, unsigned, 2", "membrane, unsigned, 4"} & near == {"membrane, unsigned, 4"}
            assert {"uniform, narrow, 6", "uniform, narrow, 8"} & near == {"uniform, narrow, 8"} & set(rows)


@pytest.mark.parametrize("bits", [4, 6, 8])
def test_fitted_ranges_fine_tuned_are_the_leaderboards(bits: int) -> None:
    page = (ROOT / "docs" / "what-accuracy-hides.md").read_text("utf-8")
    found = [uniform_alone(bits, *boards) for boards in (BRIEF, ("cifar100-sew8-v4",))]
    labels = {"mse": "of least squared error", "absmax": "at the largest weight", "narrow": "narrow", "wide": "wide"}
    for clip, label in labels.items():
        shown = (against_control(rows[clip, grid]) for rows in found for grid in ("endpoint", "symmetric"))
        assert f"| {label}, {bits} | {' | '.join(shown)} |\n" in page


def test_from_6_bits_up_all_but_the_wide_range_keep_the_firing() -> None:
    page = (ROOT / "docs" / "what-accuracy-hides.md").read_text("utf-8")
    found = [uniform_alone(bits, *boards) for bits in (6, 8) for boards in (BRIEF, ("cifar100-sew8-v4",))]
    away = [(clip, each.control.to_cell.firing_emd.value) for rows in found for (clip, _), each in rows.items()]
    assert f"at most {max(emd for clip, emd in away if clip != 'wide'):.4f} from the control" in page
    wide = [emd for clip, emd in away if clip == "wide"]
    assert f"is {min(wide):.4f} to {max(wide):.4f} away" in page
    assert len(away) == 4 * 8


def uniform_alone(bits: int, *boards: str) -> dict[tuple[Any, ...], Record]:
    uniform = [r for board in boards for r in records_of(board, "qat") if r.cell.quantizer.name == "uniform"]
    alone = [r for r in uniform if r.cell.quantizer.bits == bits and r.cell.seed == 0 and r.cell.membrane is None]
    return {tuple(map(r.cell.quantizer.options.get, ("clip", "grid"))): r for r in alone}


def test_learned_membranes_are_the_leaderboards() -> None:
    page = (ROOT / "docs" / "what-accuracy-hides.md").read_text("utf-8")
    found = [membranes_alone(*boards) for boards in (BRIEF, *((board,) for board in ELSEWHERE))]
    for bits in (2, 4, 8):
        shown = (points_and_emd(rows.get(("lqnet", bits))) for rows in found)
        assert f"| {bits} |{''.join(f' {each} |' if each else ' |' for each in shown)}\n" in page
    pairs = [
        [(own, rows["unsigned", bits]) for bits in (2, 4, 8) if (own := rows.get(("lqnet", bits)))] for rows in found
    ]
    below = [[100 * (change(even) - change(own)) for own, even in each] for each in pairs]
    on_8, on_18 = [*below[0], *below[1]], [*below[2], *below[3]]
    said = f"end {min(on_8):.2f} to {max(on_8):.2f} points below as many even unsigned ones on SEW-ResNet-8, and within"
    assert f"{said} {max(map(abs, on_18)):.2f} of them on SEW-ResNet-18" in " ".join(page.split())
    assert [[nearer(*pair) for pair in each] for each in pairs[:2]] == [[False, True, True], [False, False, False]]
    times = [[distance(own) / distance(even) for own, even in each] for each in pairs[2:]]
    assert all(2.5 < two < 3 for two, _ in times)
    assert "4 bits {:.1f} and {:.1f} times".format(*(four for _, four in times)) in " ".join(page.split())


def membranes_alone(*boards: str) -> dict[tuple[str, int], Record]:
    """Fine-tuned networks of seed 0 with membranes that are stored after the reset, by LQ-Net or in a range."""
    found = {}
    for record in (record for board in boards for record in records_of(board, "qat")):
        state = record.cell.membrane
        if state and state.site == "post_reset" and record.cell.quantizer.name == "float" and record.cell.seed == 0:
            found[state.options.get("range", state.name), state.bits] = record
    return found


def tuned_elsewhere(board: str, seed: int) -> dict[tuple[Any, ...], Record]:
    records = [each for each in records_of(board, "qat") if each.cell.seed == seed and has_the_first_levels(each)]
    return {whatever_clip(tuned_by(record)): record for record in wide_last(records)}


def whatever_clip(key: tuple[Any, ...]) -> tuple[Any, ...]:
    """No weight of ours is beyond LQ-Net's narrow clip, so that both clips are one network on one processor."""
    return (key[0], None, *key[2:]) if key[0] == "lqnet" else key


def wide_last(records: Iterable[Record]) -> list[Record]:
    """The page shows the wide clip where a board has both."""
    return sorted(records, key=lambda record: record.cell.quantizer.options.get("clip") == "wide")


def test_first_and_last_layer_fine_tuned_are_the_leaderboards() -> None:
    page = (ROOT / "docs" / "what-accuracy-hides.md").read_text("utf-8")
    cost, near = {}, {}
    for images, boards in WHOLE.items():
        for bits in (4, 2):
            usual, whole = (tuned_narrowly(bits, *each) for each in boards)
            shown = " | ".join(map(change_against_control, (usual, whole)))
            assert f"| {images}, {bits} | {shown} |\n" in page
            cost[images, bits] = 100 * (usual.metrics["accuracy"].value - whole.metrics["accuracy"].value)
            near[images, bits] = [nearer_than_another_seed(each) for each in (usual, whole)]
    said = "{:.1f} and {:.1f} points at 4 bits, {:.1f} and {:.1f} at 2".format(
        *(cost[images, bits] for bits in (4, 2) for images in WHOLE)
    )
    assert said in " ".join(page.split())
    assert near == {
        ("CIFAR-10", 4): [True, True],
        ("CIFAR-10", 2): [False, False],
        ("CIFAR-100", 4): [True, False],
        ("CIFAR-100", 2): [False, False],
    }


def tuned_narrowly(bits: int, *boards: str) -> Record:
    found = [each for board in boards for each in records_of(board, "qat") if has_the_first_levels(each)]
    return next(r for r in found if r.cell.seed == 0 and tuned_by(r) == ("lqnet", "narrow", bits, "None"))


def test_clips_of_10_bits_fine_tuned_are_the_leaderboards() -> None:
    page = " ".join((ROOT / "docs" / "what-accuracy-hides.md").read_text("utf-8").split())
    shown, farther = [], []
    for board in ("cifar10-sew8-brief-v2", "cifar100-sew8-v5"):
        rows = {r.cell.quantizer.options["clip"]: r for r in records_of(board, "qat") if r.cell.quantizer.bits == 10}
        assert all(map(nearer_than_another_seed, rows.values()))
        shown += [against_control(rows[clip]).replace(", ", " % and ") for clip in ("narrow", "wide")]
        farther.append(rows["wide"].metrics["firing_emd"].value - rows["narrow"].metrics["firing_emd"].value)
    said = "the narrow clip has {}, the wide one {}; on CIFAR-100 it is {}, and {}."
    assert said.format(*shown) in page
    assert "From the reference the wide one is {:.4f} and {:.4f} farther".format(*farther) in page
    tuned = (record for board in ("cifar100-sew8-v4", "cifar100-sew8-v5") for record in records_of(board, "qat"))
    moved = {record.control.firing_emd.value for record in tuned if record.cell.seed == 0}
    assert f"are {min(moved):.4f} to {max(moved):.4f} from it" in page


def test_lif_neurons_fine_tuned_are_the_leaderboards() -> None:
    page = (ROOT / "docs" / "what-accuracy-hides.md").read_text("utf-8")
    tuned = tuned_elsewhere("cifar10-sew8-v3", 0)
    for label, key in {"control": CONTROL, **LIF_TUNED}.items():
        assert f"| {label} | {against_control(tuned[whatever_clip(key)]).replace(', ', ' | ')} |\n" in page
    assert not any(nearer_than_another_seed(tuned[whatever_clip(key)]) for key in LIF_TUNED.values())
    control = tuned[CONTROL].control
    assert f"is {control.firing_emd.value:.4f} from its reference" in " ".join(page.split())
    assert f"and {control.to_other_seed.firing_emd.value:.4f} from that of another seed" in " ".join(page.split())


def test_emd_in_the_loss_is_the_leaderboards() -> None:
    page = (ROOT / "docs" / "behaviour.md").read_text("utf-8")
    boards = ("cifar10-sew8-brief-v1", "cifar10-sew8-brief-emd-v1")
    found = {(tuned_by(record), board): record.metrics for board in boards for record in records_of(board, "qat")}
    for label, key in {"float, the control": CONTROL, **REGULARIZED}.items():
        shown = (
            f"{100 * metrics['accuracy'].value:.2f}, {metrics['firing_emd'].value:.4f},"
            f" {metrics['firing_drift'].value:.4f}"
            for metrics in (found[key, board] for board in boards)
        )
        assert f"| {label} | {' | '.join(shown)} |" in page
