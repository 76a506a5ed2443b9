"""Tables for the terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

if TYPE_CHECKING:
    from snnbench.records.cell import Cell, QuantizerSpec
    from snnbench.records.record import Record
    from snnbench.records.score import Score

_COLUMNS = (
    "network",
    "bits/\nfound",
    "acc.\n%",
    "change",
    "firing EMD\n95 % interval",
    "x\nfloor",
    "drift",
    "dead\n%",
    "rate",
)


def results_table(records: list[Record]) -> Table:
    """One row a record under its reference, and in QAT its control; records share one protocol."""
    first = records[0]
    table = Table(title=_title(first), caption=_caption(first), box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.title_justify = table.caption_justify = "left"
    for index, column in enumerate(_COLUMNS):
        table.add_column(column, justify="left" if index == 0 else "right", no_wrap=index > 0)
    table.add_row(*_reference_row(first), end_section=True)
    if first.control is not None:
        table.add_row(*_control_row(first), end_section=True)
    for record in records:
        table.add_row(*_row(record))
    return table


def _title(record: Record) -> str:
    cell = record.cell
    limit = f", first {cell.limit} images only, not rankable" if cell.limit else ""
    own = f", own network {cell.network.model}, not rankable" if cell.network else ""
    engine = "" if record.environment.engine == "eager" else f", {record.environment.engine} engine"
    return f"{cell.board}, {cell.mode.upper()}, seed {cell.seed}{engine}{limit}{own}"


def _caption(record: Record) -> str:
    halves = number(record.noise_floor, 4)
    seeds = number(record.seed_floor, 4) if record.seed_floor else "unknown"
    return (
        "EMD of firing rates against the reference, spikes per step.\n"
        f"Noise floor (split halves): {halves}; seed to seed: {seeds}"
    )


def _reference_row(record: Record) -> tuple[str, ...]:
    reference = record.reference
    dead, rate = percent(reference.dead_fraction, 1), number(reference.firing_rate, 4)
    return ("reference", "32", percent(reference.accuracy, 2), "", "0", "", "0", dead, rate)


def _control_row(record: Record) -> tuple[str, ...]:
    control = record.control
    assert control is not None
    accuracy, before = control.accuracy.value or 0.0, record.reference.accuracy.value or 0.0
    return (
        "control: float, same fine-tuning",
        "32",
        percent(control.accuracy, 2),
        f"{100 * (accuracy - before):+.2f}",
        interval(control.firing_emd),
        _in_floors(control.firing_emd, record.noise_floor),
        number(control.firing_drift, 4),
        "",
        "",
    )


def _row(record: Record) -> tuple[str, ...]:
    metrics, cell = record.metrics, record.cell
    return (
        network(cell),
        f"{cell.quantizer.bits}/{record.audit.found_bits}{'!' if record.audit.findings else ''}",
        _get(metrics, "accuracy", lambda s: percent(s, 2)),
        _get(metrics, "accuracy_change", lambda s: percent(s, 2, sign="+")),
        _get(metrics, "firing_emd", interval),
        _get(metrics, "firing_emd", lambda s: _in_floors(s, record.noise_floor)),
        _get(metrics, "firing_drift", lambda s: number(s, 4)),
        _get(metrics, "dead_fraction", lambda s: percent(s, 1)),
        _get(metrics, "firing_rate", lambda s: number(s, 4)),
    )


def network(cell: Cell) -> str:
    """The quantizers of a cell, with the options that differ from their defaults."""
    membrane = f" + membrane {_named(cell.membrane)}, {cell.membrane.bits} bits" if cell.membrane else ""
    return f"{_named(cell.quantizer)}{membrane}"


def _named(spec: QuantizerSpec) -> str:
    chosen = [f"{key}={value}" for key, value in spec.options.items() if value != _defaults(spec.name).get(key)]
    from snnbench.records.cell import MembraneSpec

    site = [f"site={spec.site}"] if isinstance(spec, MembraneSpec) and spec.site != "post_reset" else []
    return " ".join([spec.name, *chosen, *site])


@cache
def _defaults(name: str) -> dict[str, object]:
    from snnbench.options import describe
    from snnbench.plugins import catalogue

    if name not in catalogue().quantizers:
        return {}
    entry = catalogue().quantizers[name]
    return {option.name: option.default for option in describe(entry, entry.value)}


def percent(score: Score, digits: int, sign: str = "") -> str:
    """A fraction in percent, or ``failed``."""
    return "failed" if score.value is None else f"{100 * score.value:{sign}.{digits}f}"


def number(score: Score, digits: int) -> str:
    """A value to so many digits, or ``failed``."""
    return "failed" if score.value is None else f"{score.value:.{digits}f}"


def interval(score: Score) -> str:
    """A value with its interval."""
    if score.value is None or score.low is None or score.high is None:
        return number(score, 4)
    return f"{score.value:.4f}\n{score.low:.4f}-{score.high:.4f}"


def _in_floors(score: Score, floor: Score) -> str:
    if score.value is None or not floor.value:
        return ""
    return "below" if score.value < floor.value else f"{score.value / floor.value:.1f}"


def _get(metrics: Mapping[str, Score], name: str, show: Callable[[Score], str]) -> str:
    return show(metrics[name]) if name in metrics else ""
