"""`snnbench results`: list, show, export and clean up a results folder."""

from __future__ import annotations

import sys
from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from snnbench.bench.metrics import METRICS, columns
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


OnlyStatus = Annotated[CellStatus | None, typer.Option("--status", help="Only cells of that status.")]


@app.command("list")
def list_(
    out: ResultsFolder = RESULTS,
    where: Where = None,
    status: OnlyStatus = None,
    sort: Sort = None,
    json: Json = False,
) -> None:
    """List the cells of a results folder: finished, failed and damaged."""
    rows = _rows(out, where, status, sort)
    if json:
        sys.stdout.write(_encode(rows, ExportFormat.json).decode() + "\n")
    else:
        _print(rows, f"No such cells in {out}" if where or status else f"No cells in {out}")


@app.command("show")
def show(
    cell: Annotated[str, typer.Argument(metavar="CELL", help="The beginning of its key, or of its folder's name.")],
    out: ResultsFolder = RESULTS,
) -> None:
    """Show one cell: the JSON of its record, or why it failed, with the traceback."""
    from snnbench.records.failures import Failure
    from snnbench.records.layout import RECORD_FILE
    from snnbench.records.results import find_row, read_rows

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
        write_atomically(target, [content])
    except OSError as error:
        raise OptionError(f"'{target}' cannot be written: {error.strerror}") from error


@app.command("gc")
def gc(
    out: ResultsFolder = RESULTS,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
) -> None:
    """Remove what killed processes left behind; finished cells are never touched, nor failures that still stand."""
    from snnbench.records.cleanup import collect

    found = collect(out, dry_run=dry_run)
    for leftover in found:
        typer.echo(f"{'would remove' if dry_run else 'removed'} {leftover.path} ({leftover.what})")
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


def _print(rows: list[ListedRow], none: str) -> None:
    if not rows:
        typer.echo(none)
        return
    headings = {name: told for name, told in _headings().items() if any(_is_told(row.get(name)) for row in rows)}
    lines = [list(headings.values())]
    lines += [[_cell(name, row.get(name)) for name in headings] for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = ("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
    sys.stdout.write("\n".join(text) + "\n")
    counts = ", ".join(f"{count} {status}" for status, count in Counter(row["status"] for row in rows).most_common())
    typer.echo(counts, err=True)


def _headings() -> dict[str, str]:
    """Columns of the listing and their headings; `export` has all columns."""
    cell = ("status", "board", "quantizer", "bits", "options", "membrane", "mode", "seed")
    metrics = {metric.name: metric.heading for metric in columns(METRICS)}
    return {**dict(zip(cell, cell, strict=True)), **metrics, "key": "key", "reason": "reason"}


def _is_told(value: object) -> bool:
    return value is not None and value != ""


def _cell(name: str, value: Any) -> str:
    if not _is_told(value):
        return ""
    if name == "key":
        return str(value)[:12]
    return METRICS[name].text(value) if name in METRICS else str(value)


def _format_of(target: Path) -> ExportFormat:
    suffix = target.suffix.removeprefix(".")
    try:
        return ExportFormat(suffix)
    except ValueError:
        known = "|".join(ExportFormat)
        raise OptionError(f"'{target}': no format is called {suffix!r}; add --format {known}") from None


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
