"""`snnbench export`: the quantized network of a finished cell, as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from snnbench.cli.parameters import DataRoot


def export(
    record: Annotated[Path, typer.Argument(metavar="RECORD", help="Folder of a finished cell or of a board's entry.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE.safetensors", help="File to write.")],
    data: DataRoot = None,
) -> None:
    """Write a cell's quantized network: whole numbers and scales.

    Beside it goes a JSON description of layers and neurons. 'snnbench run' reads the file as --weights.
    """
    from snnbench.cli.reporting import ConsoleReporter
    from snnbench.examine.export import export as write

    for path in write(record, out, data=data, reporter=ConsoleReporter()):
        typer.echo(f"Written: {path}")
