"""`snnbench export`: the quantized network of a finished cell, as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from snnbench.cli.parameters import DataRoot
from snnbench.errors import OptionError


def export(
    record: Annotated[Path, typer.Argument(metavar="RECORD", help="Folder of a finished cell or of a board's entry.")],
    out: Annotated[
        Path,
        typer.Option("--out", metavar="FILE", help="File to write, .safetensors, .nir or .onnx; with c, a folder."),
    ],
    to: Annotated[Literal["safetensors", "nir", "qonnx", "c"], typer.Option("--to", help="Format.")] = "safetensors",
    dt: Annotated[float | None, typer.Option("--dt", metavar="SECONDS", help="With nir: length of a step.")] = None,
    fold: Annotated[bool, typer.Option("--fold", help="With nir: fold batch norms into convolutions.")] = False,
    dialect: Annotated[
        Literal["spikingjelly", "snntorch", "norse", "sinabs", "rockpool"] | None,
        typer.Option("--dialect", help="With nir: the library whose reader is to understand the file."),
    ] = None,
    chip: Annotated[
        str | None,
        typer.Option("--chip", metavar="NAME", help="With c: whose integers. Default: the cell's chip, else int."),
    ] = None,
    data: DataRoot = None,
) -> None:
    """Write a cell's quantized network as numbers, a graph or C.

    Whole numbers and scales, a graph of NIR or QONNX, or C that runs. Beside a file goes a JSON description of layers
    and neurons. 'snnbench run' reads a .safetensors file as --weights.
    """
    options: dict[str, Any] = {"dt": dt, "fold": fold or None, "dialect": dialect, "chip": chip}
    given = {name: value for name, value in options.items() if value is not None}
    for path in _write(record, out, to, data, given):
        typer.echo(f"Written: {path}")


def _write(record: Path, out: Path, to: str, data: Path | None, options: dict[str, Any]) -> tuple[Path, ...]:
    from snnbench.cli.reporting import ConsoleReporter

    known = {"nir": ("dt", "fold", "dialect"), "c": ("chip",)}
    for name in options:
        if name not in known.get(to, ()):
            owner = next(form for form, names in known.items() if name in names)
            raise OptionError(f"--{name} belongs to --to {owner}")
    if to == "nir":
        from snnbench.examine.nir import to_nir

        return to_nir(record, out, data=data, reporter=ConsoleReporter(), **options)
    if to == "qonnx":
        from snnbench.examine.nir import to_qonnx

        return to_qonnx(record, out, data=data, reporter=ConsoleReporter())
    if to == "c":
        from snnbench.examine.c import to_c

        return to_c(record, out, data=data, reporter=ConsoleReporter(), **options)
    from snnbench.examine.export import export as write

    return write(record, out, data=data, reporter=ConsoleReporter())
