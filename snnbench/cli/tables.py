"""Tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from snnbench.bench.metric import Metric
from snnbench.bench.metrics import FIRING_EMD, asked, columns
from snnbench.engine import EAGER
from snnbench.records import words
from snnbench.records.record import Null, Record
from snnbench.records.score import Score

if TYPE_CHECKING:
    from snnbench.records.cell import Cell


FLOAT_BITS = 32
_UNBOUNDED, _NAME = 10_000, 12


def results_table(records: list[Record], width: int | None = None) -> Table:
    """One row a record under its reference, and in QAT its control; records share one protocol.

    Numbers are never cut: metrics after the firing EMD that find no place in `width` are named below.
    """
    metrics = columns(asked(records))
    least = metrics.index(FIRING_EMD) + 1 if FIRING_EMD in metrics else 1
    return fitted(_table(records, metrics), width, len(_headings(metrics[:least])))


def fitted(table: Table, width: int | None, stay: int) -> Table:
    """The table without the columns after the first `stay` that find no place in `width`; they are named below it."""
    absent: list[str] = []
    while width is not None and _least_width(table) > width and len(table.columns) > stay:
        absent.insert(0, str(table.columns.pop().header).replace("-\n", "").replace("\n", " "))
    if absent:
        told = f"Not shown, for want of width: {', '.join(absent)}"
        table.caption = f"{table.caption}\n{told}" if table.caption else told
        table.caption_justify = "left"
    return table


def _least_width(table: Table) -> int:
    """What the numbers need, and the names where their words are folded."""
    name, *numbers = table.columns
    for column in numbers:
        column.min_width = max(
            cell_len(line) for cell in (column.header, *column.cells) for line in str(cell).split("\n")
        )
    name.max_width = _NAME
    least = Console(width=_UNBOUNDED).measure(table).minimum
    name.max_width = None
    return least


def _table(records: list[Record], metrics: Sequence[Metric]) -> Table:
    first = records[0]
    table = Table(title=_title(first), caption=_caption(first), box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.title_justify = table.caption_justify = "left"
    name, *numbers = _headings(metrics)
    table.add_column(name, justify="left", overflow="fold", min_width=len("reference"))
    for number in numbers:
        table.add_column(number, justify="right", no_wrap=True)
    table.add_row(*_reference_row(first, metrics), end_section=True)
    if first.control is not None:
        table.add_row(*_control_row(first, metrics), end_section=True)
    for record in records:
        table.add_row(*_row(record, metrics))
    return table


def _title(record: Record) -> str:
    cell = record.cell
    limit = f", first {cell.limit} images only, not rankable" if cell.limit else ""
    own = f", own network {cell.network.model}, not rankable" if cell.network else ""
    engine = "" if record.environment.engine == EAGER.name else f", {record.environment.engine} engine"
    return f"{cell.board}, {cell.mode.upper()}, seed {cell.seed}{engine}{limit}{own}"


def _caption(record: Record) -> str:
    halves = FIRING_EMD.shown(record.noise_floor)
    seeds = FIRING_EMD.shown(record.seed_floor) if record.seed_floor else "unknown"
    return (
        "EMD of firing rates against the reference, spikes per step.\n"
        f"p: paired null. Split-half distance: {halves}; seed to seed: {seeds}"
        f"{_in_float(record)}{_between_controls(record)}"
    )


def _in_float(record: Record) -> str:
    share = record.audit.float_share
    if share is None:
        return ""
    layers = ", ".join(record.audit.full_precision)
    return f"\nWeights in float: {100 * share:.1f} %{f' ({layers})' if layers else ''}"


def _bits(record: Record) -> str:
    declared = record.cell.quantizer.bits
    in_float = declared == FLOAT_BITS and (record.audit.found_bits == FLOAT_BITS or record.audit.float_share == 1)
    found = "" if in_float else f"/{record.audit.found_bits}"
    return f"{declared}{found}{'!' if record.audit.findings else ''}"


def _headings(metrics: Sequence[Metric]) -> list[str]:
    """Headings short enough for a terminal of 80 columns."""
    return ["network", "bits/\nfound", *(part for metric in metrics for part in _heading(metric))]


def _heading(metric: Metric) -> tuple[str, ...]:
    if metric is FIRING_EMD:
        return f"{metric.heading}\n95 % interval", "p"
    return (metric.heading.replace("accuracy", "acc.").replace(" %", "\n%"),)


def _reference_row(record: Record, metrics: Sequence[Metric]) -> list[str]:
    own = dict(record.reference)
    scores = {metric.name: Score(value=0.0) for metric in metrics if metric.distance} | own
    return ["reference", "32", *_cells(metrics, scores, None)]


def _control_row(record: Record, metrics: Sequence[Metric]) -> list[str]:
    assert record.control is not None
    scores = {name: score for name, score in record.control if isinstance(score, Score)}
    accuracy, before = scores["accuracy"].value or 0.0, record.reference.accuracy.value or 0.0
    scores["accuracy_change"] = Score(value=accuracy - before)
    return ["control: float, same fine-tuning", "32", *_cells(metrics, scores, None)]


def _row(record: Record, metrics: Sequence[Metric]) -> list[str]:
    return [network(record.cell), _bits(record), *_cells(metrics, record.metrics, record.paired_null)]


def _cells(metrics: Sequence[Metric], scores: Mapping[str, Score], null: Null | None) -> Iterator[str]:
    for metric in metrics:
        score = scores.get(metric.name)
        yield _shown(metric, score) if score else ""
        if metric is FIRING_EMD:
            yield _p_value(null) if null else ""


def _shown(metric: Metric, score: Score) -> str:
    interval = metric.interval(score, "-") if metric is FIRING_EMD else ""
    return f"{metric.shown(score)}\n{interval}" if interval else metric.shown(score)


def network(cell: Cell) -> str:
    """The quantizers of a cell, with the options that differ from their defaults."""
    left_out = {cell.quantizer.name: _defaults(cell.quantizer.name)}
    if cell.membrane:
        left_out[f"membrane {cell.membrane.name}"] = {**_defaults(cell.membrane.name), "site": "post_reset"}
    return words.short(cell, left_out)


@cache
def _defaults(name: str) -> dict[str, object]:
    from snnbench.options import describe
    from snnbench.plugins import catalogue

    if name not in catalogue().quantizers:
        return {}
    entry = catalogue().quantizers[name]
    return {option.name: option.default for option in describe(entry, entry.value)}


def _p_value(null: Null) -> str:
    """A p-value of the paired null; the least that there can be is a bound."""
    return f"{'<' if null.p_value * (null.swaps + 1) < 2 else ''}{max(null.p_value, 0.001):.3f}"


def _between_controls(record: Record) -> str:
    """What quantization did to a fine-tuned network, and what another seed does to its control."""
    control = record.control
    if control is None or control.to_cell is None or control.to_other_seed is None:
        return ""
    mine, theirs = (FIRING_EMD.shown(each.firing_emd) for each in (control.to_cell, control.to_other_seed))
    return f"\nEMD from control to cell: {mine}; from control to control of another seed: {theirs}"
