"""``snnbench chips``: whose arithmetic a network can be put on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from snnbench.cli.completion import chip_name
from snnbench.cli.parameters import Json

if TYPE_CHECKING:
    from snnbench.chips import Semantics

app = typer.Typer(help="List and show chips, whose integers networks are put on.", no_args_is_help=True)

ChipName = Annotated[str, typer.Argument(help="Chip, or a document that ends in .toml.", autocompletion=chip_name)]


@app.command("list")
def list_command(as_json: Json = False) -> None:
    """List every chip, and where it comes from."""
    from rich.console import Console
    from rich.table import Table

    from snnbench.chips import find_chip
    from snnbench.plugins import catalogue

    rows = [
        {"name": entry.name, "distribution": str(entry.source), "title": find_chip(entry.name).title}
        for entry in catalogue().chips.values()
    ]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    table = Table("chip", "from", "what it is", box=None, pad_edge=False)
    for row in rows:
        table.add_row(*row.values())
    Console(markup=False, highlight=False).print(table)


@app.command("show")
def show_command(name: ChipName, as_json: Json = False) -> None:
    """Show a chip's semantics, in which chips and libraries differ."""
    from snnbench.chips import find_chip

    chip = find_chip(name)
    if as_json:
        typer.echo(json.dumps({**chip.model_dump(mode="json"), "fingerprint": chip.fingerprint}, indent=2))
        return
    typer.echo(f"{chip.name}, version {chip.version}: {chip.title}")
    for source in chip.sources:
        typer.echo(f"  source: {source}")
    for section, values in _sections(chip).items():
        typer.echo(f"\n{section}")
        for key, value in values.items():
            typer.echo(f"  {key:18}{value}")


def _sections(chip: Semantics) -> dict[str, dict[str, Any]]:
    parts = chip.model_dump(mode="json", exclude={"name", "version", "title", "sources"}, exclude_none=True)
    named = {"arithmetic": {"kind": parts.pop("arithmetic")}, **parts}
    return {section: _flat(values) for section, values in named.items() if values}


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flat(value, f"{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat
