"""Figures that the README and the documentation repeat are those of records and of pages that are run."""

from __future__ import annotations

import re
from typing import Any

from fixtures.released import ENDS, ROOT, has_the_first_levels, is_uniform_state_alone, records_of, state_of

from snnbench.records.record import Record

HEAD = (
    "| quantizer | bits | found | accuracy % | change | firing EMD | 95 % | null 95 % | drift | dead % |\n"
    "|:--|--:|--:|--:|--:|--:|:--|--:|--:|--:|"
)
WEIGHTS = [
    (name, clip, bits)
    for name, clip in (("lqnet", "narrow"), ("uniform", "narrow"), ("uniform", "wide"))
    for bits in (2, 4, 8)
]
BEFORE = [("endpoint", clip, "pre_spike") for clip in ("narrow", "wide")]
MEMBRANES = [(which, bits) for which in ("unsigned", "signed") for bits in (2, 4)]
CLIPS_ON = ("cifar10-sew8-v5", "cifar100-sew8-v5", "cifar10-sew8-v3")
LIF = ("cifar10-sew8-v3", "cifar100-sew8-v2")
LIF_STATES = [
    *((bits, which, "endpoint") for which in ("unsigned", "signed") for bits in (2, 4, 6, 8)),
    *((bits, "signed", "symmetric") for bits in (2, 4)),
]
WHOLE = {
    "CIFAR-10": ("cifar10-sew8-v5", "cifar10-sew8-whole-v1"),
    "CIFAR-100": ("cifar100-sew8-v4", "cifar100-sew8-whole-v1"),
}
RESETS = {
    "soft": ("cifar10-sew8-v5", "cifar100-sew8-v5"),
    "hard": ("cifar10-sew8-hard-v1", "cifar100-sew8-hard-v1"),
}


def row(record: Record) -> str:
    metrics, spec, membrane = record.metrics, record.cell.quantizer, record.cell.membrane
    emd, null = metrics["firing_emd"], record.paired_null
    assert null is not None
    name = f"{spec.name}, {spec.options['clip']}" if membrane is None else f"membrane, {membrane.options['range']}"
    bits, found = (
        (spec.bits, record.audit.found_bits)
        if membrane is None
        else (membrane.bits, max(each.found_bits for each in record.audit.membranes))
    )
    return (
        f"| {name} | {bits} | {found} "
        f"| {100 * metrics['accuracy'].value:.2f} | {100 * metrics['accuracy_change'].value:+.2f} "
        f"| {emd.value:.4f} | {emd.low:.4f} to {emd.high:.4f} | {null.high:.4f} | {metrics['firing_drift'].value:.4f} "
        f"| {100 * metrics['dead_fraction'].value:.1f} |"
    )


def table() -> str:
    found = {}
    for record in records_of("cifar10-sew8-v4", "ptq"):
        cell = record.cell
        if cell.membrane is None and has_the_first_levels(record):
            found[cell.quantizer.name, cell.quantizer.options.get("clip"), cell.quantizer.bits] = record
        elif is_uniform_state_alone(record) and state_of(record)[2:] == ENDS:
            found[cell.membrane.options["range"], cell.membrane.bits] = record
    reference = found["float", None, 32].reference
    last = (
        f"Reference: {100 * reference.accuracy.value:.2f} %, {reference.firing_rate.value:.3f} spikes per neuron and"
        f" step, {100 * reference.dead_fraction.value:.1f} % dead."
    )
    return "\n".join([HEAD, *(row(found[key]) for key in [*WEIGHTS, *MEMBRANES]), "", last])


def test_figures_are_the_leaderboards() -> None:
    assert table() in (ROOT / "docs" / "what-accuracy-hides.md").read_text("utf-8")


def test_clips_that_cost_no_accuracy_are_the_leaderboards() -> None:
    page = (ROOT / "docs" / "what-accuracy-hides.md").read_text("utf-8")
    boards = [{weights_of(r): r for r in records_of(board, "ptq") if r.cell.seed == 0} for board in CLIPS_ON]
    near: dict[int, list[bool]] = {}
    times: list[float] = []
    for bits in (10, 12):
        for clip in ("narrow", "wide"):
            shown = (finely(board["uniform", clip, bits]) for board in boards)
            assert f"| {bits}, {clip} | {' | '.join(shown)} |\n" in page
        pairs = [[board["uniform", clip, bits].metrics for clip in ("wide", "narrow")] for board in boards]
        near[bits] = [abs(wide["accuracy"].value - narrow["accuracy"].value) <= 0.01 for wide, narrow in pairs]
        times += [
            wide["firing_emd"].value / narrow["firing_emd"].value
            for (wide, narrow), close in zip(pairs, near[bits], strict=True)
            if close
        ]
        cells = [board["uniform", clip, bits] for board in boards for clip in ("wide", "narrow")]
        assert all(each.metrics["firing_emd"].value < each.seed_floor.value for each in cells)
    assert near == {10: [True, False, False], 12: [True, True, True]}
    assert f"is {min(times):.1f} to {max(times):.1f} times as far" in " ".join(page.split())


def finely(record: Record) -> str:
    return f"{100 * record.metrics['accuracy'].value:.2f}, {record.metrics['firing_emd'].value:.5f}"


def test_how_far_another_training_is_is_the_leaderboards() -> None:
    page = (ROOT / "docs" / "what-accuracy-hides.md").read_text("utf-8")
    records = records_of("cifar10-sew8-v5", "ptq")
    (second,) = (each for each in records if each.cell.seed == 1 and not each.cell.quantizes)
    assert f"with {100 * second.metrics['accuracy'].value:.2f} %, fires {second.seed_floor.value:.4f} from" in page


def test_the_row_that_is_farther_than_another_training_is_the_leaderboards() -> None:
    page = " ".join((ROOT / "docs" / "what-accuracy-hides.md").read_text("utf-8").split())
    _, _, point = (ROOT / "docs" / "paper.md").read_text("utf-8").partition("## The paper's point\n")
    rows = [line for line in point.partition("\n## ")[0].splitlines() if line.startswith("| cifar")]
    assert [row.split(" | ")[:2] for row in rows] == [["| cifar10-sew8-v3", "ptq"]]
    states = {state_of(r): r for r in records_of("cifar10-sew8-v3", "ptq") if is_uniform_state_alone(r)}
    found = states[2, "signed", "symmetric", "narrow", "post_reset"]
    metrics, emd = found.metrics, found.metrics["firing_emd"]
    lost = f"lose {-100 * metrics['accuracy_change'].value:.2f} points (McNemar's p {metrics['mcnemar_p'].value:.4f})"
    away = f"fire {emd.value:.5f} away (95 % from {emd.low:.5f} to {emd.high:.5f})"
    assert f"{lost} and {away}" in page
    assert f"recipe fires {found.seed_floor.value:.5f} away" in page


def test_what_the_reset_changes_is_the_leaderboards() -> None:
    page = (ROOT / "docs" / "what-accuracy-hides.md").read_text("utf-8")
    boards = [board for pair in zip(*RESETS.values(), strict=True) for board in pair]
    for mode, site, said in (
        ("ptq", "post_reset", "stored after the reset"),
        ("ptq", "pre_spike", "before the spike"),
        ("qat", "post_reset", "stored after the reset, fine-tuned, against the control"),
    ):
        for which in ("unsigned", "signed"):
            shown = [against_its_baseline(board, mode, which, site) for board in boards]
            assert f"| {which} | {said} | {' | '.join(shown)} |\n" in page


def test_what_the_reset_costs_is_the_leaderboards() -> None:
    page = " ".join((ROOT / "docs" / "what-accuracy-hides.md").read_text("utf-8").split())
    costs = {
        (reset, site): [
            -float(against_its_baseline(board, "ptq", which, site).partition(",")[0])
            for board in boards
            for which in ("unsigned", "signed")
        ]
        for reset, boards in RESETS.items()
        for site in ("pre_spike", "post_reset")
    }
    before, soft = costs["hard", "pre_spike"], costs["soft", "pre_spike"]
    said = f"costs {min(before):.1f} to {max(before):.1f} points where it costs {min(soft):.1f} to {max(soft):.1f}"
    assert said in page
    stored = [max(costs[reset, "post_reset"]) for reset in RESETS]
    assert "cost at most {:.1f} with a soft reset, and up to {:.1f} with a hard one".format(*stored) in page


def against_its_baseline(board: str, mode: str, which: str, site: str) -> str:
    """Change of accuracy in points and EMD of membranes of 4 bits, seed 1."""
    membranes = [each for each in records_of(board, mode) if each.cell.membrane is not None and each.cell.seed == 1]
    (found,) = (each for each in membranes if state_of(each) == (4, which, "endpoint", "narrow", site))
    metrics = found.metrics
    if found.control is None:
        return f"{100 * metrics['accuracy_change'].value:+.2f}, {metrics['firing_emd'].value:.4f}"
    change = metrics["accuracy"].value - found.control.accuracy.value
    return f"{100 * change:+.2f}, {found.control.to_cell.firing_emd.value:.4f}"


def test_where_membranes_are_rounded_is_the_leaderboards() -> None:
    alone = {state_of(r): r.metrics for r in records_of("cifar10-sew8-v4", "ptq") if is_uniform_state_alone(r)}
    page = (ROOT / "docs" / "what-accuracy-hides.md").read_text("utf-8")
    for which in ("unsigned", "signed"):
        for bits in (2, 4, 6, 8):
            cells = [alone.get((bits, which, *rest)) for rest in (ENDS, *BEFORE)]
            shown = (f"{100 * m['accuracy'].value:.2f}, {m['firing_emd'].value:.4f} |" if m else "|" for m in cells)
            assert f"| {bits}, {which} | {' '.join(shown)}\n" in page


def test_where_membranes_are_rounded_on_cifar100_is_the_leaderboards() -> None:
    page = (ROOT / "docs" / "what-accuracy-hides.md").read_text("utf-8")
    records = [each for each in records_of("cifar100-sew8-v4", "ptq") if is_uniform_state_alone(each)]
    for site, said in (
        ("post_reset", "{:.2f} to {:.2f} % where they are stored"),
        ("pre_spike", "{:.2f} to {:.2f} % where they are rounded"),
    ):
        chosen = [each for each in records if each.cell.membrane.site == site and each.cell.membrane.bits >= 4]
        accuracies = [100 * each.metrics["accuracy"].value for each in chosen]
        assert len(accuracies) == 6
        assert said.format(min(accuracies), max(accuracies)) in page


def test_membranes_of_lif_neurons_are_the_leaderboards() -> None:
    page = (ROOT / "docs" / "what-accuracy-hides.md").read_text("utf-8")
    for label, cells in lif_states().items():
        assert f"| {label} |{''.join(f' {accuracy_and_emd(each)} |' if each else ' |' for each in cells)}\n" in page
    for place in (0, 2):  # stored after the reset, on CIFAR-10 and on CIFAR-100
        unsigned, signed, symmetric = (
            lif_states()[f"2, {kind}"][place].metrics["firing_emd"].value
            for kind in ("unsigned", "signed", "signed, symmetric")
        )
        assert unsigned < symmetric < signed / 2


def lif_states() -> dict[str, list[Record | None]]:
    """Post-training rows of seed 0 by bits and range: stored and before the spike, on CIFAR-10, then on CIFAR-100."""
    boards = [(r for r in records_of(board, "ptq") if r.cell.seed == 0) for board in LIF]
    found = [{state_of(record): record for record in board if is_uniform_state_alone(record)} for board in boards]
    return {
        f"{bits}, {which}" + ", symmetric" * (grid == "symmetric"): [
            rows.get((bits, which, grid, "narrow", site)) for rows in found for site in ("post_reset", "pre_spike")
        ]
        for bits, which, grid in LIF_STATES
    }


def test_what_fine_tuning_mends_of_it_is_the_leaderboards() -> None:
    page = " ".join((ROOT / "docs" / "what-accuracy-hides.md").read_text("utf-8").split())
    for board, site, said in (
        ("cifar10-sew8-brief-v2", "pre_spike", "{:.2f} to {:.2f} points below it on CIFAR-10"),
        ("cifar100-sew8-v4", "pre_spike", "{:.2f} to {:.2f} on CIFAR-100"),
    ):
        lost = [below_its_control(each) for each in fine_tuned_states(board, site)]
        assert len(lost) == 6
        assert said.format(min(lost), max(lost)) in page
    boards = ("cifar10-sew8-brief-v1", "cifar10-sew8-brief-v2", "cifar100-sew8-v4")
    stored = [below_its_control(each) for board in boards for each in fine_tuned_states(board, "post_reset")]
    assert f"none that was measured is more than {max(stored):.2f} points below" in page


def fine_tuned_states(board: str, site: str) -> list[Record]:
    """Uniform membranes of 4 bits and more, weights in float, seed 0."""
    records = [each for each in records_of(board, "qat") if is_uniform_state_alone(each) and each.cell.seed == 0]
    return [each for each in records if each.cell.membrane.site == site and each.cell.membrane.bits >= 4]


def below_its_control(record: Record) -> float:
    return 100 * (record.control.accuracy.value - record.metrics["accuracy"].value)


def test_what_first_and_last_layer_cost_is_the_leaderboards() -> None:
    page = (ROOT / "docs" / "what-accuracy-hides.md").read_text("utf-8")
    for images, boards in WHOLE.items():
        found = [{(r.cell.seed, weights_of(r)): r for r in records_of(board, "ptq")} for board in boards]
        for bits in (4, 2):
            for seed in (0, 1):
                shown = (accuracy_and_emd(board[seed, ("lqnet", "narrow", bits)]) for board in found)
                assert f"| {images}, {bits}, {seed} | {' | '.join(shown)} |\n" in page


def accuracy_and_emd(record: Record) -> str:
    return f"{100 * record.metrics['accuracy'].value:.2f}, {record.metrics['firing_emd'].value:.4f}"


def weights_of(record: Record) -> tuple[Any, ...] | None:
    spec = record.cell.quantizer
    plain = record.cell.membrane is None and spec.options.get("codes") != "binary"
    return (spec.name, spec.options.get("clip"), spec.bits) if plain else None


def test_the_readme_prints_what_the_first_run_prints() -> None:
    (printed,) = re.findall(r"```text\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    first = (ROOT / "docs" / "tutorials" / "first-run.md").read_text("utf-8")
    shown = re.findall(r"```console\n(.*?)```", first, re.DOTALL)[0].splitlines()[1:]
    assert [line for line in shown if line != "..." and line not in printed] == []
    assert "lqnet" in printed
