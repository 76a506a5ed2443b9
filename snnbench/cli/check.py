"""`snnbench check`: does a quantizer, model, data set or cost keep the contract?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from snnbench.cli.completion import any_name
from snnbench.cli.parameters import Json

if TYPE_CHECKING:
    from snnbench.testing import CheckReport


Checked = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="Folder of the data sets; of a network of your own, the data set or folder of its images (digits).",
    ),
]


def check(
    name: Annotated[
        str,
        typer.Argument(
            help="Quantizer, model, data set or cost; or MODULE:FUNCTION, a network of your own.",
            autocompletion=any_name,
        ),
    ],
    option: Annotated[
        list[str] | None,
        typer.Option("--option", "-o", metavar="KEY=VALUE", help="Option of its factory; may be given again."),
    ] = None,
    expect: Annotated[
        list[str] | None,
        typer.Option("--expect", metavar="CHECK=REASON", help="A check that is known to fail; may be given again."),
    ] = None,
    data: Checked = None,
    as_json: Json = False,
) -> None:
    """Run the conformance checks on a plugin.

    Exits 1 if one fails, or if all are skipped.
    """
    from snnbench.options import parse_pairs
    from snnbench.testing import check as checked

    options, expected = parse_pairs(option or []), parse_pairs(expect or [], "--expect")
    reports = checked(name, options=options, expected_failures=expected, root=data)
    if as_json:
        typer.echo(json.dumps([_document(report) for report in reports], indent=2))
    else:
        for report in reports:
            _print(report)
    if not all(report.ok for report in reports):
        raise typer.Exit(1)


def _document(report: CheckReport) -> dict[str, object]:
    outcomes = [
        {"check": outcome.check, "status": outcome.status, "message": outcome.message} for outcome in report.outcomes
    ]
    return {"subject": report.subject, "ok": report.ok, "checks": outcomes}


def _print(report: CheckReport) -> None:
    width = max(len(outcome.check) for outcome in report.outcomes)
    first: dict[str, str] = {}
    for outcome in report.outcomes:
        told = first.setdefault(outcome.message, outcome.check)  # one fault of a factory fails nearly all checks
        message = outcome.message if told == outcome.check or not outcome.message else f"the same as {told}"
        typer.echo(f"{outcome.check:<{width}}  {outcome.status:<8}  {message}".rstrip())
    typer.echo(report.summary)
