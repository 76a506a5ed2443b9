"""The table and the picture of docs/chips.md from finished cells: ``python chip_gap.py RESULTS FOLDER``.

RESULTS holds cells of `snnbench run --chip`; FOLDER gets ``chips-table.md`` and ``chips.svg``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib
from matplotlib import pyplot

from snnbench.records.record import Record, read_record

CHIPS = ("int", "loihi", "speck")
TITLES = (
    *("chip", "quantizer and bits", "float states %", "on the chip %", "change"),
    *("EMD", "drift", "differ %", "overflow"),
)


def cells(folder: Path) -> list[Record]:
    found = [read_record(path.parent) for path in folder.glob("*/*/record.json")]
    on_chips = [record for record in found if record.chip is not None]
    return sorted(on_chips, key=lambda r: (CHIPS.index(r.cell.chip.name), r.cell.quantizer.bits, r.cell.quantizer.name))


def interval(score, scale: float, form: str) -> str:
    return f"{scale * score.value:{form}} ({scale * score.low:{form}} to {scale * score.high:{form}})"


def row(record: Record) -> str:
    gap, cell = record.chip, record.cell
    places = sum(layer.neurons for layer in record.layers) * cell.limit * 4
    return " | ".join(
        [
            f"| {cell.chip.name}",
            f"{cell.quantizer.name} {cell.quantizer.bits}",
            f"{100 * record.metrics['accuracy'].value:.2f}",
            f"{100 * gap.accuracy.value:.2f}",
            interval(gap.accuracy_change, 100, "+.2f"),
            interval(gap.firing_emd, 1, ".4f"),
            f"{gap.firing_drift.value:.4f}",
            interval(gap.spikes_differ, 100, ".2f"),
            f"{1e6 * sum(layer.overflows for layer in gap.layers) / places:.0f} |",
        ]
    )


def table(records: list[Record]) -> str:
    head = "| " + " | ".join(TITLES) + " |"
    return "\n".join([head, "|:--|:--|--:|--:|--:|--:|--:|--:|--:|", *map(row, records)]) + "\n"


def picture(records: list[Record], file: Path) -> None:
    matplotlib.rcParams["svg.hashsalt"] = "snnbench"
    names = list(dict.fromkeys(f"{r.cell.quantizer.name} {r.cell.quantizer.bits}" for r in records))
    chips = list(dict.fromkeys(record.cell.chip.name for record in records))
    figure, axes = pyplot.subplots(1, len(chips), figsize=(3 + 3 * len(chips), 3.4), sharey=True, squeeze=False)
    for axis, chip in zip(axes[0], chips, strict=True):
        for record in (r for r in records if r.cell.chip.name == chip):
            rows = record.chip.layers
            label = f"{record.cell.quantizer.name} {record.cell.quantizer.bits}"
            line = "-" if record.cell.quantizer.bits == 4 else "--"
            values = [100 * layer.spikes_differ for layer in rows]
            axis.plot(
                range(1, len(rows) + 1),
                values,
                line,
                marker="o",
                ms=3,
                color=f"C{names.index(label) % 10}",
                label=label,
            )
        axis.set_title(chip)
        axis.set_xlabel("spiking layer")
    axes[0, 0].set_ylabel("places that differ, %")
    axes[0, 0].legend(fontsize=7, frameon=False)
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})


def main() -> None:
    results, folder = Path(sys.argv[1]), Path(sys.argv[2])
    records = cells(results)
    (folder / "chips-table.md").write_text(table(records))
    picture(records, folder / "chips.svg")


if __name__ == "__main__":
    main()
