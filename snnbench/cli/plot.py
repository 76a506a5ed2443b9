"""`snnbench plot`: pictures of records."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from snnbench.cli.parameters import DataRoot


def plot(
    record: Annotated[
        list[Path], typer.Argument(metavar="RECORD...", help="Finished cells, or results folders or boards.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder that the pictures are written to.")] = Path(
        "snnbench-plots"
    ),
    format: Annotated[  # noqa: A002
        Literal["png", "svg", "both"], typer.Option("--format", help="Format of the pictures.")
    ] = "both",
    data: DataRoot = None,
) -> None:
    """Draw pictures of records.

    Firing rates, EMD per layer, accuracy against EMD, rates per step, and all metrics; the records share one protocol.
    """
    from snnbench.cli.reporting import ConsoleReporter
    from snnbench.examine.pictures import draw_all
    from snnbench.examine.series import read_series, reference_profile

    reporter = ConsoleReporter()
    series = read_series(record)
    reference = reference_profile(series[0], data, reporter)
    for path in draw_all(series, reference, out, ("png", "svg") if format == "both" else (format,)):
        typer.echo(path)
