"""`snnbench results`: list, show, export and clean up a results folder."""

from __future__ import annotations

import os
import sys
from collections import Counter
from enum import StrEnum
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated, Any

import typer

from snnbench.bench.metrics import ACCURACY, FIRING_EMD, METRICS, columns
from snnbench.cli.parameters import RESULTS, Json, ResultsFolder
from snnbench.errors import OptionError, RecordError

if TYPE_CHECKING:
    from snnbench.records.listing import ListedRow

app = typer.Typer(help="List, show, export and clean up results.", no_args_is_help=True)

Where = Annotated[
    list[str] | None,
    typer.Option("--where", "-w", metavar="COLUMN=VALUE", help="Only rows with that value; may be given again."),
]
Sort = Annotated[str | None, typer.Option("--sort", metavar="COLUMN", help="Order of the rows. Default: by path.")]


class CellStatus(StrEnum):
    """What may become of a cell."""

    finished = "finished"
    failed = "failed"
    damaged = "damaged"


class ExportFormat(StrEnum):
    """What results are exported as."""

    csv = "csv"
    json = "json"
    parquet = "parquet"


_PAGE, _LONGEST, _LEAST = 100, 60, 12
_CELL = ("status", "board", "quantizer", "bits", "options", "membrane", "chip", "mode", "seed", "limit")
_SHARED = ("status", "board", "options", "membrane", "chip", "mode", "seed", "limit", "rankable")
_LONG = ("board", "options", "membrane")
_STAY = (ACCURACY.name, FIRING_EMD.name)

OnlyStatus = Annotated[CellStatus | None, typer.Option("--status", help="Only cells of that status.")]


@app.command("list")
def list_(
    out: ResultsFolder = RESULTS,
    where: Where = None,
    status: OnlyStatus = None,
    sort: Sort = None,
    wide: Annotated[bool, typer.Option("--wide", help="All columns in full, however wide the table gets.")] = False,
    json: Json = False,
) -> None:
    """List the cells of a results folder: finished, failed and damaged.

    The table fits 100 columns: what all rows share is said once below it, and metrics that find no place are named.
    """
    rows = _rows(out, where, status, sort)
    if json:
        sys.stdout.write(_encode(rows, ExportFormat.json).decode() + "\n")
    else:
        _print(rows, wide, f"No such cells in {out}" if where or status else f"No cells in {out}")


@app.command("show")
def show(
    cell: Annotated[
        str, typer.Argument(metavar="CELL", help="The beginning of its key or of its folder's name, or its path.")
    ],
    out: ResultsFolder = RESULTS,
) -> None:
    """Show one cell: the JSON of its record, or why it failed."""
    from snnbench.records.failures import Failure
    from snnbench.records.layout import RECORD_FILE, finished_cell
    from snnbench.records.results import find_row, is_cell, read_rows

    place = Path(cell).resolve()
    if os.sep in cell and not is_cell(place) and any(place.rglob(RECORD_FILE)):
        place = finished_cell(place)  # a results folder or a board: that of its one cell, or what to name instead
    if is_cell(place) or (os.sep in cell and place.exists()):
        place = place.parent if place.name == RECORD_FILE else place
        cell, out = place.name, place.parent.parent
    row = find_row(read_rows(out), cell)
    path = Path(row["path"])
    if row["status"] == "damaged":
        raise RecordError(f"'{path}' is damaged ({row['reason']}); run its sweep again, or snnbench run --force")
    if row["status"] == "finished":
        sys.stdout.write((path / RECORD_FILE).read_text("utf-8"))
        return
    failure = Failure.from_json(path.read_bytes())
    fault = failure.fault
    typer.echo(f"{path.name}: failed at {failure.at} on {fault.host or 'unknown host'}, attempts: {failure.attempts}")
    typer.echo(f"{fault.message}\n{fault.traceback}".rstrip())


@app.command("export")
def export(
    target: Annotated[Path, typer.Argument(metavar="FILE", help="File to write; - for stdout (CSV and JSON).")],
    out: ResultsFolder = RESULTS,
    where: Where = None,
    status: OnlyStatus = None,
    sort: Sort = None,
    format_: Annotated[ExportFormat | None, typer.Option("--format", help="Default: as the file is called.")] = None,
) -> None:
    """Write all columns of the cells as CSV, JSON or Parquet."""
    chosen = format_ or _format_of(target)
    content = _encode(_rows(out, where, status, sort), chosen)
    if str(target) == "-":
        sys.stdout.buffer.write(content)
        return
    from snnbench.files import write_atomically

    try:
        if target.is_symlink() or (target.exists() and not target.is_file()):
            target.write_bytes(content)  # a device or a pipe is written to: replaced, it would be gone
        else:
            write_atomically(target, [content])
    except OSError as error:
        raise OptionError(f"'{target}' cannot be written: {error.strerror}") from error


@app.command("gc")
def gc(
    out: ResultsFolder = RESULTS,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
) -> None:
    """Remove what killed processes left behind. Finished cells are never touched, nor failures that still stand."""
    from snnbench.records.cleanup import collect

    found = collect(out, dry_run=dry_run)
    for leftover in found:
        typer.echo(leftover.told(dry_run=dry_run))
    if not found:
        typer.echo(f"Nothing to remove in {out}")


def _rows(out: Path, where: list[str] | None, status: CellStatus | None, sort: str | None) -> list[ListedRow]:
    from snnbench.options import parse_pairs
    from snnbench.records.results import ordered, read_rows, select

    rows = read_rows(out)
    if not rows:
        return rows
    conditions = parse_pairs(where or [], "--where") | ({"status": status.value} if status else {})
    return select(ordered(rows, sort) if sort else rows, conditions)


def _print(rows: list[ListedRow], wide: bool, none: str) -> None:
    if not rows:
        typer.echo(none)
        return
    rows = [row | {"membrane": _membrane(row)} for row in rows]
    headings = {name: told for name, told in _headings().items() if any(_is_told(row.get(name)) for row in rows)}
    table = {name: [told, *(_cell(name, row.get(name)) for row in rows)] for name, told in headings.items()}
    table = {name: column for name, column in table.items() if any(column[1:])}
    reasons = [] if wide else _reasons(rows, table.pop("reason", [])[1:])
    shown, told = (table, []) if wide else _fitted(table)
    lines = zip(*shown.values(), strict=True)
    widths = [_width(column) for column in shown.values()]
    text = ("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
    sys.stdout.write("\n".join([*text, *reasons]) + "\n")
    counts = ", ".join(f"{count} {status}" for status, count in Counter(row["status"] for row in rows).most_common())
    typer.echo("\n".join([*(line for text in told for line in wrap(text, _PAGE)), counts]), err=True)


def _reasons(rows: list[ListedRow], reasons: list[str]) -> list[str]:
    """Below the table, why cells have no result."""
    told = zip(rows, reasons, strict=False)
    cells = [(_cell("key", row.get("key")) or Path(row["path"]).name, reason) for row, reason in told if reason]
    return [line for cell, reason in cells for line in wrap(f"{cell}: {reason}", _PAGE, subsequent_indent="  ")]


def _fitted(table: dict[str, list[str]]) -> tuple[dict[str, list[str]], list[str]]:
    """The columns that fit the page, and what is to be said of the others."""
    same = {
        name: column for name, column in table.items() if name in _SHARED and len({*column[1:]}) == 1 < len(column) - 1
    }
    shown = {name: [*column] for name, column in table.items() if name not in same}
    told = [f"In all rows: {', '.join(f'{column[0]} {column[1]}' for column in same.values())}"] if same else []
    for name, kinds in _kinds(table).items():
        shared = _pairs_of_all(kinds, shown.get(name, [])[1:])
        told += [f"In all rows of {kind}: {' '.join(pairs)}" for kind, pairs in shared.items() if pairs]
        for row, (kind, text) in enumerate(zip(kinds, shown.get(name, [])[1:], strict=False), 1):
            shown[name][row] = " ".join(word for word in text.split() if word not in shared.get(kind, ()))
    shown = {name: column for name, column in shown.items() if any(column[1:])}
    absent: list[str] = []
    for name in reversed([name for name in shown if name in METRICS and name not in _STAY]):
        if _across(shown) > _PAGE:
            absent.insert(0, shown.pop(name)[0])
    told += [f"Not shown: {', '.join(absent)}; --wide shows all, --json has them"] if absent else []
    return _cut(shown), told


def _kinds(table: dict[str, list[str]]) -> dict[str, list[str]]:
    """Of each row, whose the options in a column are."""
    membranes = (f"membrane {text.split()[0]}" if text else "" for text in table.get("membrane", [])[1:])
    return {"options": table.get("quantizer", [])[1:], "membrane": [*membranes]}


def _pairs_of_all(kinds: list[str], texts: list[str]) -> dict[str, list[str]]:
    """The options that all rows of a kind have at the same value, where it has several rows."""
    rows: dict[str, list[list[str]]] = {}
    for kind, text in zip(kinds, texts, strict=False):
        rows.setdefault(kind, []).append(text.split())
    return {
        kind: [word for word in words[0] if "=" in word and all(word in each for each in words)]
        for kind, words in rows.items()
        if len(words) > 1
    }


def _cut(shown: dict[str, list[str]]) -> dict[str, list[str]]:
    """Long columns are cut, as far as the page asks for it."""
    longest = _LONGEST
    while longest > _LEAST and _across(shown) > _PAGE:
        shown |= {name: [_cut_text(text, longest) for text in shown[name]] for name in _LONG if name in shown}
        longest -= 1
    return shown


def _cut_text(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _across(shown: dict[str, list[str]]) -> int:
    return sum(_width(column) + 2 for column in shown.values()) - 2


def _width(column: list[str]) -> int:
    return max(map(len, column))


def _headings() -> dict[str, str]:
    """Columns of the listing and their headings; `export` has all columns."""
    metrics = {metric.name: metric.heading for metric in columns(METRICS)}
    return {**dict(zip(_CELL, _CELL, strict=True)), "rankable": "ranked", **metrics, "key": "key", "reason": "reason"}


def _membrane(row: ListedRow) -> str:
    return " ".join(str(row[name]) for name in ("membrane", "membrane_bits", "membrane_options") if row.get(name))


def _is_told(value: object) -> bool:
    return value is not None and value != ""


def _cell(name: str, value: Any) -> str:
    if not _is_told(value):
        return ""
    if name == "key":
        return str(value)[:12]
    if name == "rankable":
        return "" if value else "no"
    return METRICS[name].text(value) if name in METRICS else str(value)


def _format_of(target: Path) -> ExportFormat:
    suffix = target.suffix.removeprefix(".")
    try:
        return ExportFormat(suffix)
    except ValueError:
        known = "|".join(ExportFormat)
        why = f"no format is called '{suffix}'" if suffix else "its name says no format"
        raise OptionError(f"'{target}': {why}; add --format {known}") from None


def _encode(rows: list[ListedRow], chosen: ExportFormat) -> bytes:
    from json import dumps

    from snnbench.records.results import as_frame, columns_of

    if chosen is ExportFormat.json:  # not by pandas, which rounds to ten decimals
        columns = columns_of(rows)
        return dumps([{column: row.get(column) for column in columns} for row in rows], indent=1).encode()
    if chosen is ExportFormat.csv:
        text: str = as_frame(rows).to_csv(index=False)
        return text.encode()
    try:
        content: bytes = as_frame(rows).to_parquet(index=False)
    except ImportError as error:
        raise OptionError("Parquet needs pyarrow: pip install 'snnbench[parquet]'") from error
    return content
