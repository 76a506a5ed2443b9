"""Figures that the README and the documentation repeat are those of records and of pages that are run."""

from __future__ import annotations

import re
from pathlib import Path

from snnbench.records.record import Record, read_record

ROOT = Path(__file__).resolve().parents[1]
HEAD = (
    "| quantizer | bits | found | accuracy % | change | firing EMD | 95 % | null 95 % | drift | dead % |\n"
    "|:--|--:|--:|--:|--:|--:|:--|--:|--:|--:|"
)
WEIGHTS = [
    (name, clip, bits)
    for name, clip in (("lqnet", "narrow"), ("uniform", "narrow"), ("uniform", "wide"))
    for bits in (2, 4, 8)
]
MEMBRANES = [(which, bits) for which in ("unsigned", "signed") for bits in (2, 4)]


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
    records = [read_record(path.parent) for path in ROOT.glob("leaderboards/cifar10-sew8-v4/entries/*/record.json")]
    found = {}
    for record in records:
        cell = record.cell
        if cell.mode == "ptq" and cell.membrane is None:
            found[cell.quantizer.name, cell.quantizer.options.get("clip"), cell.quantizer.bits] = record
        elif cell.mode == "ptq" and cell.quantizer.name == "float" and cell.membrane.site == "post_reset":
            found[cell.membrane.options["range"], cell.membrane.bits] = record
    reference = found["float", None, 32].reference
    last = (
        f"Reference: {100 * reference.accuracy.value:.2f} %, {reference.firing_rate.value:.3f} spikes per neuron and"
        f" step, {100 * reference.dead_fraction.value:.1f} % dead."
    )
    return "\n".join([HEAD, *(row(found[key]) for key in [*WEIGHTS, *MEMBRANES]), "", last])


def test_figures_are_the_leaderboards() -> None:
    assert table() in (ROOT / "docs" / "what-accuracy-hides.md").read_text("utf-8")


def test_the_readme_prints_what_the_first_run_prints() -> None:
    (printed,) = re.findall(r"```text\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    first = (ROOT / "docs" / "tutorials" / "first-run.md").read_text("utf-8")
    shown = re.findall(r"```console\n(.*?)```", first, re.DOTALL)[0].splitlines()[1:]
    assert [line for line in shown if line != "..." and line not in printed] == []
    assert "lqnet" in printed
