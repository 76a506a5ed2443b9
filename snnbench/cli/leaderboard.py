"""`snnbench leaderboard`: file, verify and show results."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from snnbench.cli.parameters import DataRoot, Json

if TYPE_CHECKING:
    from snnbench.bench.metric import Metric
    from snnbench.leaderboard import Verdict
    from snnbench.leaderboard.changes import Change

app = typer.Typer(help="Boards of records that anyone can verify.", no_args_is_help=True)

_BOARDS = Path("leaderboards")
Boards = Annotated[Path, typer.Argument(metavar="[PATH]", help="A board, or the folder of all boards.")]


@app.command("add")
def add_command(
    records: Annotated[list[Path], typer.Argument(metavar="RECORD...", help="Directories of finished cells.")],
    boards: Annotated[Path, typer.Option("--to", metavar="DIR", help="Folder of all boards.")] = _BOARDS,
    data: DataRoot = None,
    declare_findings: Annotated[
        bool, typer.Option("--declare-findings", help="State the findings of the record's audit on the board.")
    ] = False,
) -> int:
    """File finished cells on their board, each after verifying it. Exit code 2 if any is refused: others are filed."""
    from snnbench.cli.reporting import ConsoleReporter
    from snnbench.errors import RecordError
    from snnbench.leaderboard import add

    reporter, refused = ConsoleReporter(), 0
    for record in records:
        try:
            entry = add(record, boards, data=data, declare_findings=declare_findings, reporter=reporter)
        except RecordError as error:
            typer.echo(f"Error: {error}", err=True)
            refused += 1
        else:
            typer.echo(f"Added: {entry}")
    if refused and len(records) > 1:
        typer.echo(f"{len(records) - refused} of {len(records)} cells added", err=True)
    return 2 if refused else 0


@app.command("verify")
def verify_command(
    path: Annotated[Path, typer.Argument(metavar="[PATH]", help="The folder of all boards, a board or an entry.")] = (
        _BOARDS
    ),
    rerun: Annotated[
        bool, typer.Option("--rerun", help="Also infer again, and compare predictions and counts.")
    ] = False,
    train: Annotated[bool, typer.Option("--train", help="With --rerun: repeat fine-tuning too.")] = False,
    data: DataRoot = None,
    as_json: Json = False,
) -> int:
    """Recompute every score from its evidence. Exit code 1 if anything does not agree."""
    from snnbench.cli.reporting import ConsoleReporter
    from snnbench.errors import OptionError
    from snnbench.leaderboard import NOT_RECHECKED, verify
    from snnbench.leaderboard import rerun as measure_again

    if train and not rerun:
        raise OptionError("--train repeats the training of a rerun; add --rerun")
    verdicts = list(_told(verify(path), as_json))
    if rerun and not any(verdict.problems for verdict in verdicts):
        verdicts += _told(measure_again(path, ConsoleReporter(), data=data, train=train), as_json)
    bad = [verdict for verdict in verdicts if verdict.problems]
    if as_json:
        typer.echo(json.dumps([asdict(verdict) for verdict in verdicts], indent=1))
        return 1 if bad else 0
    seconds = sum(verdict.seconds for verdict in verdicts)
    typer.echo(f"{len(verdicts) - len(bad)} of {len(verdicts)} checks passed in {seconds:.1f} s")
    if not rerun:
        typer.echo("Not rechecked: " + "; ".join(NOT_RECHECKED))
    return 1 if bad else 0


def _told(verdicts: Iterator[Verdict], quiet: bool) -> Iterator[Verdict]:
    """The verdicts, each with what there is to say of it printed as it comes."""
    for verdict in verdicts:
        for sentence in () if quiet else filter(None, (*verdict.problems, verdict.note)):
            typer.echo(f"{verdict.name}: {sentence}")
        yield verdict


@app.command("table")
def table_command(
    path: Boards = _BOARDS,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit code 1 if a table is not current.")
    ] = False,
) -> int:
    """Write each board's table beside its entries. There are four: CSV, Markdown, LaTeX and HTML."""
    from snnbench.leaderboard import stale_tables, write_tables
    from snnbench.leaderboard.board import find_boards

    stale = []
    for board in find_boards(path):
        if check:
            stale += stale_tables(board)
        else:
            typer.echo("\n".join(f"Written: {file}" for file in write_tables(board)))
    for file in stale:
        typer.echo(f"Not current: {file}; write it again: snnbench leaderboard table {path}")
    return 1 if stale else 0


@app.command("site")
def site_command(
    path: Boards = _BOARDS,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the pages.")] = Path("site"),
) -> None:
    """Write a static site of the boards. It works from a folder and offline."""
    from snnbench.leaderboard.board import find_boards
    from snnbench.leaderboard.site import write_site

    typer.echo(f"Written: {write_site(find_boards(path), out)}")


@app.command("diff")
def diff_command(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="A board.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="A board, such as that of the protocol's next version.")],
    as_json: Json = False,
) -> int:
    """Show what moved from one board to another. Exit code 1 if anything did."""
    from snnbench.leaderboard.board import read_board
    from snnbench.leaderboard.changes import changes

    found = changes(read_board(old), read_board(new))
    if as_json:
        typer.echo(json.dumps([asdict(change) for change in found], indent=1))
        return 1 if found else 0
    for change in found:
        typer.echo(_moved(change))
    typer.echo(f"{len(found)} rows differ")
    return 1 if found else 0


def _moved(change: Change) -> str:
    from snnbench.bench.metrics import columns

    if change.old is None or change.new is None:
        return f"{'new' if change.old is None else 'gone'}: {change.row}"
    moved = [
        f"{metric.heading} {' -> '.join(_shown(metric, side.get(metric.name)) for side in (change.old, change.new))}"
        for metric in columns({*change.old, *change.new})
    ]
    return f"{change.row}: {', '.join(moved)}{' (EMD: beyond the intervals)' if change.separate else ''}"


def _shown(metric: Metric, value: float | None) -> str:
    return "not measured" if value is None else metric.text(value)
