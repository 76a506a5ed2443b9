"""The README's figures are those of the leaderboard's records."""

from __future__ import annotations

from pathlib import Path

from snnbench.records.record import Record, read_record

ROOT = Path(__file__).resolve().parents[1]
HEAD = (
    "| quantizer | bits | found | accuracy % | change | firing EMD | 95 % | drift | dead % |\n"
    "|:--|--:|--:|--:|--:|--:|:--|--:|--:|"
)
SHOWN = [("lqnet", "narrow"), ("uniform", "narrow"), ("uniform", "wide")]


def row(record: Record) -> str:
    metrics, spec = record.metrics, record.cell.quantizer
    emd = metrics["firing_emd"]
    return (
        f"| {spec.name}, {spec.options['clip']} | {spec.bits} | {record.audit.found_bits} "
        f"| {100 * metrics['accuracy'].value:.2f} | {100 * metrics['accuracy_change'].value:+.2f} "
        f"| {emd.value:.4f} | {emd.low:.4f} to {emd.high:.4f} | {metrics['firing_drift'].value:.4f} "
        f"| {100 * metrics['dead_fraction'].value:.1f} |"
    )


def table() -> str:
    records = [read_record(path.parent) for path in ROOT.glob("leaderboards/cifar10-sew8-v3/entries/*/record.json")]
    wanted = {
        (r.cell.quantizer.name, r.cell.quantizer.options.get("clip"), r.cell.quantizer.bits): r
        for r in records
        if r.cell.seed == 0
    }
    rows = [row(wanted[name, clip, bits]) for name, clip in SHOWN for bits in (2, 4, 8)]
    unquantized = wanted["float", None, 32]
    reference = unquantized.reference
    last = (
        f"Reference: {100 * reference.accuracy.value:.2f} %, {100 * reference.dead_fraction.value:.1f} % dead;"
        f" noise floor of EMD (split halves) {unquantized.noise_floor.value:.4f},"
        f" between the two seeds {unquantized.seed_floor.value:.4f}."
    )
    return "\n".join([HEAD, *rows, "", last])


def test_figures_are_the_leaderboards() -> None:
    assert table() in (ROOT / "README.md").read_text("utf-8")
