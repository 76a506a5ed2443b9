"""A report as tables: for the terminal, for pandas, for JSON, and as a page."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rich import box, get_console
from rich.console import Console
from rich.table import Table

from snnbench.bench.metric import Quantity
from snnbench.bench.metrics import FIRING_EMD
from snnbench.errors import OptionError
from snnbench.files import write_atomically
from snnbench.functional import Estimate
from snnbench.own.measures import MEASURES, Reading, own_cost

if TYPE_CHECKING:
    import pandas as pd

    from snnbench.own.card import Card
    from snnbench.own.report import Report

AS_WIDE_AS_NEEDED = 10_000
"""Columns of a terminal; no table takes as many."""

_CONTROL = replace(FIRING_EMD, name="control_emd", title="EMD against the control")
_LAYER_COLUMNS = (
    ("rate", "", 3),
    ("reference_rate", "", 3),
    ("emd", "", 4),
    ("null_emd", "", 4),
    ("p_value", "", 3),
    ("drift", "", 4),
    ("dead", "%", 1),
    ("newly_dead", "%", 1),
    ("revived", "%", 1),
    ("saturated", "%", 1),
)
_HEADINGS = {
    "reference_rate": "ref. rate",
    "null_emd": "null emd",
    "p_value": "p",
    "newly_dead": "new dead",
    "saturated": "sat.",
}


def summary_table(report: Report, width: int | None = None) -> Table:
    """A row each measure, a column each network; intervals stand below their values where `width`, by default that of
    the terminal, has no room beside them."""
    title = f"{report.samples} samples, {report.timesteps} steps, 95 % intervals"
    table = _plain(Table(title=title, caption="\n".join(_notes(report)) or None))
    shown = _shown(report)
    columns = {name: [_cell(card, measure) for measure in shown] for name, card in report.cards.items()}
    labels = [measure.label for measure in shown]
    needed = sum(max(map(len, (name, *cells))) + 1 for name, cells in {"": labels, **columns}.items())
    fits = needed <= (get_console().width if width is None else width)
    table.add_column("", overflow="fold")
    for name in columns:
        table.add_column(name, justify="right", overflow="fold")
    for label, *cells in zip(labels, *columns.values(), strict=True):
        table.add_row(label, *(cell if fits else cell.replace("  ", "\n") for cell in cells))
    return table


def as_text(table: Table) -> str:
    """A table as it is printed, without colours, as wide as it needs to be."""
    console = Console(width=AS_WIDE_AS_NEEDED, color_system=None)
    with console.capture() as captured:
        console.print(table)
    return "\n".join(map(str.rstrip, captured.get().splitlines()))


def layers_table(report: Report, name: str) -> Table:
    """A row each spiking layer of a network."""
    table = _plain(Table(title=f"{name}: spiking layers"))
    table.padding, table.show_edge = 0, False  # twelve columns in the eighty of a terminal
    headings = [f"{_HEADINGS.get(key, key)} {unit}".strip() for key, unit, _ in _LAYER_COLUMNS]
    rows = [
        [
            row.layer,
            str(row.neurons),
            *(_number(getattr(row, key), unit, digits) for key, unit, digits in _LAYER_COLUMNS),
        ]
        for row in report[name].layers
    ]
    for heading, *cells in zip(["layer", "neurons", *headings], *rows, strict=True):
        side: Literal["left", "right"] = "left" if heading == "layer" else "right"
        widest = max(map(len, (*heading.split(), *cells)))
        table.add_column(heading, justify=side, overflow="fold", width=None if heading == "layer" else widest)
    for row in rows:
        table.add_row(*row)
    return table


def weights_table(report: Report, name: str) -> Table:
    """A row each matrix of weights of a network."""
    bounds = report[name].floorline
    busiest = max(bounds, key=lambda layer: bounds[layer].bound)
    caption = (
        f"Bound: what a layer waits for, were each on a core of its own and all stages as fast; busiest: {busiest}"
    )
    table = _plain(Table(title=f"{name}: weights", caption=caption))
    for column in ("layer", "weights", "bits declared", "bits found", "bits a weight, packed", "bound"):
        table.add_column(column, justify="left" if column == "layer" else "right")
    for row in report[name].weights:
        declared = "" if row.declared_bits is None else str(row.declared_bits)
        found = "float" if row.is_float else str(row.found_bits)
        bound = bounds[row.layer].state if row.layer in bounds else ""
        table.add_row(row.layer, str(row.weights), declared, found, f"{row.packed_bits / row.weights:.2f}", bound)
    return table


def frame(report: Report) -> pd.DataFrame:
    """A row each network, layer and measure."""
    import pandas as pd

    return pd.DataFrame(list(_rows(report)))


def document(report: Report) -> dict[str, Any]:
    """Everything, as JSON has it."""
    return {
        "samples": report.samples,
        "timesteps": report.timesteps,
        "networks": {name: _card(card) for name, card in report.cards.items()},
    }


def page(report: Report) -> str:
    """The report as an HTML page of its own."""
    from jinja2 import Environment, PackageLoader

    environment = Environment(loader=PackageLoader("snnbench.own"), autoescape=True, trim_blocks=True)
    shown = _shown(report)
    rows = [(measure.label, [_cell(card, measure) for card in report.cards.values()]) for measure in shown]
    tables = [
        _grid(table) for name in report.names for table in (layers_table(report, name), weights_table(report, name))
    ]
    return environment.get_template("report.html").render(report=report, rows=rows, tables=tables, notes=_notes(report))


def write(report: Report, path: Path) -> Path:
    """Write the report by the suffix of `path`."""
    writers: dict[str, Callable[[Report], str]] = {
        ".html": page,
        ".json": lambda each: json.dumps(document(each), indent=1) + "\n",
        ".csv": lambda each: str(frame(each).to_csv(index=False)),
    }
    if path.suffix not in writers:
        raise OptionError(f"'{path}': a report is saved as {', '.join(writers)}")
    write_atomically(path, [writers[path.suffix](report).encode()])
    return path


def _shown(report: Report) -> list[Quantity]:
    """The measures that at least one network has."""
    known: list[Quantity] = [*MEASURES, _CONTROL]
    names = dict.fromkeys(name for card in report.cards.values() for name in card.measures)
    added = [own_cost(name, lambda work: 0.0) for name in names if name not in {each.name for each in known}]
    measures = [*known, *added]
    cards = report.cards.values()
    return [each for each in measures if any(not isinstance(card.measures.get(each.name, ""), str) for card in cards)]


def _cell(card: Card, measure: Quantity) -> str:
    value = card.measures.get(measure.name)
    if value is None:
        return ""
    if isinstance(value, str):
        return "not measured"
    if not isinstance(value, Estimate):
        return measure.text(value)
    low, high = measure.text(value.low), measure.text(value.high)
    return f"{measure.text(value.value)}  [{low}, {high}]"


def _number(value: float, unit: str, digits: int) -> str:
    return f"{100 * value if unit == '%' else value:.{digits}f}"


def _notes(report: Report) -> list[str]:
    failed = [
        f"{measure.title} not measured: {reason}"
        for measure in MEASURES
        if isinstance(reason := report[report.names[0]].measures.get(measure.name), str)
    ]
    return [f"{name}: {note}" for name, card in report.cards.items() for note in card.notes] + failed


def _rows(report: Report) -> Iterator[dict[str, Any]]:
    for name, card in report.cards.items():
        for measure, value in card.measures.items():
            yield {"network": name, "layer": "", "measure": measure, **_value(value)}
        for row in card.layers:
            for measure, number in asdict(row).items():
                if measure != "layer":
                    yield {"network": name, "layer": row.layer, "measure": measure, **_value(number)}


def _value(value: Reading | str | None) -> dict[str, Any]:
    if isinstance(value, str):
        return {"value": None, "low": None, "high": None, "reason": value}
    if isinstance(value, Estimate):
        return {**asdict(value), "reason": None}
    return {"value": value, "low": None, "high": None, "reason": None}


def _card(card: Card) -> dict[str, Any]:
    whole = asdict(card)
    whole["measures"] = {name: _value(value) for name, value in card.measures.items()}
    return whole


def _grid(table: Table) -> tuple[str, list[str], list[list[str]]]:
    columns = [list(map(str, column.cells)) for column in table.columns]
    return (
        str(table.title),
        [str(column.header) for column in table.columns],
        [list(r) for r in zip(*columns, strict=True)],
    )


def _plain(table: Table) -> Table:
    table.box, table.padding = box.SIMPLE_HEAD, (0, 1, 0, 0)
    table.title_justify = table.caption_justify = "left"
    return table
