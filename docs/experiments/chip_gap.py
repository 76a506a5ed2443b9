"""The table, the ranks and the picture of docs/chips.md from finished cells: ``python chip_gap.py RESULTS FOLDER``.

RESULTS holds cells of chip_rows.py; FOLDER gets ``chips-table.md``, ``chips-ranks.md`` and ``chips.svg``.
"""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path

import matplotlib
import torch
from matplotlib import pyplot

from snnbench.bench.bench import open_bench
from snnbench.leaderboard.chip_columns import GAP_SCORES
from snnbench.leaderboard.columns import ranks
from snnbench.leaderboard.ranking import accuracy_wins, rank_ranges
from snnbench.records.chip_evidence import CHIP_EVIDENCE_FILE, read_chip_evidence
from snnbench.records.evidence import EVIDENCE_FILE, read_evidence
from snnbench.records.record import read_record

CHIPS = ("int", "loihi", "speck")
WITH_INTERVAL = ("accuracy_change", "firing_emd", "spikes_differ")


def cells(folder):
    """Folders and records of cells on chips."""
    found = [(path.parent, read_record(path.parent)) for path in folder.glob("*/*-on-*/record.json")]
    return sorted(found, key=lambda each: (*group(each), each[1].cell.quantizer.bits, each[1].cell.quantizer.name))


def group(found):
    cell = found[1].cell
    return cell.board, CHIPS.index(cell.chip.name)


def name(record):
    return f"{record.cell.quantizer.name} {record.cell.quantizer.bits}"


def version(board):
    return board.rpartition("-")[2]


def row(record):
    shown = [version(record.cell.board), record.cell.chip.name, name(record), f"{100 * record.value('accuracy'):.2f}"]
    for score in GAP_SCORES:
        interval = f" ({score.interval(record.chip)})" if score.name in WITH_INTERVAL else ""
        shown.append(score.text(record.chip) + interval)
    return f"| {' | '.join(shown)} |\n"


def table(found):
    titles = ["version", "chip", "quantizer and bits", "float states %", *(score.heading for score in GAP_SCORES)]
    return f"| {' | '.join(titles)} |\n|:--|:--|:--{'|--:' * (len(titles) - 3)}|\n" + "".join(
        row(record) for _, record in found
    )


def rank_table(found):
    """Ranks of the quantizers of one chip and number of bits, with float states and on the chip."""
    lines = [
        "| version | chip | quantizer and bits | rank with float states | rank on the chip |\n|:--|:--|:--|--:|--:|\n"
    ]
    for (board, chip, _), group_of in groupby(found, key=lambda each: (*group(each), each[1].cell.quantizer.bits)):
        rows = list(group_of)
        if len(rows) < 2:
            continue
        _, labels = open_bench(board).test_set()
        outcomes = (
            [read_evidence(folder / EVIDENCE_FILE) for folder, _ in rows],
            [read_chip_evidence(folder / CHIP_EVIDENCE_FILE) for folder, _ in rows],
        )
        right = [torch.stack([each.predictions == torch.from_numpy(labels) for each in those]) for those in outcomes]
        pairs = zip(*(rank_ranges(accuracy_wins(each)) for each in right), strict=True)
        for (_, record), (floats, on_chip) in zip(rows, pairs, strict=True):
            lines.append(
                f"| {version(board)} | {CHIPS[chip]} | {name(record)} | {ranks(floats)} | {ranks(on_chip)} |\n"
            )
    return "".join(lines)


def picture(found, file):
    """A row of panels a board, a column a chip: a colour each quantizer, a line each number of bits."""
    matplotlib.rcParams["svg.hashsalt"] = "snnbench"
    boards = list(dict.fromkeys(record.cell.board for _, record in found))
    quantizers = sorted({record.cell.quantizer.name for _, record in found})
    size = (9, 0.8 + 2.4 * len(boards))
    figure, axes = pyplot.subplots(len(boards), len(CHIPS), figsize=size, sharex=True, sharey=True, squeeze=False)
    for _, record in found:
        quantizer, layers = record.cell.quantizer, record.chip.layers
        axis = axes[boards.index(record.cell.board), CHIPS.index(record.cell.chip.name)]
        values = [100 * layer.spikes_differ for layer in layers]
        colour, line = f"C{quantizers.index(quantizer.name)}", "-" if quantizer.bits == 4 else ":"
        axis.plot(range(1, len(layers) + 1), values, line, marker="o", ms=3, color=colour, label=name(record))
        axis.set_title(f"{record.cell.chip.name}, {record.cell.board}", fontsize=9)
    for axis in axes[-1]:
        axis.set_xlabel("spiking layer")
    for axis in axes[:, 0]:
        axis.set_ylabel("places that differ, %")
    named = {label: line for axis in axes.flat for line, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    figure.legend(named.values(), named, loc="lower center", ncols=len(named), fontsize=8, frameon=False)
    figure.tight_layout(rect=(0, 0.05, 1, 1))
    figure.savefig(file, metadata={"Date": None})


def main():
    results, folder = Path(sys.argv[1]), Path(sys.argv[2])
    found = cells(results)
    (folder / "chips-table.md").write_text(table(found))
    (folder / "chips-ranks.md").write_text(rank_table(found))
    picture(found, folder / "chips.svg")


if __name__ == "__main__":
    main()
