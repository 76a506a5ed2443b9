"""``snnbench plugins``: what is plugged in, what each part takes, and what is broken."""

from __future__ import annotations

import inspect
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from snnbench.cli.completion import any_name
from snnbench.cli.new import new_command
from snnbench.cli.parameters import Json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from snnbench.plugins import PluginEntry, PluginSource

app = typer.Typer(help="List, show and write plugins.", no_args_is_help=True)

app.command("new")(new_command)

Name = Annotated[
    str, typer.Argument(help="Name of a quantizer, model, data set, protocol, chip or cost.", autocompletion=any_name)
]


@app.command("list")
def list_command(as_json: Json = False) -> None:
    """List all that is plugged in, and every plugin that is broken.

    A plugin is imported in a process of its own, which has two minutes, whenever something was installed or changed.
    """
    from snnbench.cli.completion import remember_names
    from snnbench.plugins import catalogue

    catalogue().ask_again()
    rows = list(_rows())
    remember_names()
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
    else:
        _print_rows(rows)


def _rows() -> Iterator[dict[str, str]]:
    from snnbench.plugins import KINDS, catalogue

    for kind, noun in KINDS.items():
        shelf = catalogue().shelf(kind)
        usable = shelf.sources
        yield from (_row(noun, name, source, "ok") for name, source in usable.items())
        for name, sources in shelf.clashes.items():
            refused = [source for source in sources if source != usable.get(name)]
            yield from (_row(noun, name, source, "broken", shelf.clash(name)) for source in refused)
    for fault in catalogue().faults:
        status = "broken" if fault.fatal else "warning"
        yield {**_row("plugin", fault.source.name, fault.source, status, fault.error), "traceback": fault.traceback}


def _row(kind: str, name: str, source: PluginSource, status: str, error: str = "") -> dict[str, str]:
    origin = {"distribution": source.distribution, "version": source.version}
    return {"kind": kind, "name": name, **origin, "status": status, **({"error": error} if error else {})}


def _print_rows(rows: list[dict[str, str]]) -> None:
    from rich.console import Console
    from rich.table import Column, Table

    columns = ("kind", "name", "distribution", "version", "status")
    table = Table(*(Column(column, overflow="fold") for column in columns), box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(row[column] for column in columns))
    console = Console(markup=False, highlight=False)
    console.print(table)
    for row in rows:
        if "error" in row:
            console.print(f"{row['status']}: {row['name']}, {row['distribution']}: {row['error']}", soft_wrap=True)


@app.command("show")
def show_command(name: Name, as_json: Json = False) -> None:
    """Show what a part is, where it comes from, and its options."""
    from snnbench.plugins import catalogue

    shown = [_described(entry) for entry in catalogue().find(name)]
    if as_json:
        typer.echo(json.dumps(shown, indent=2, default=str))
        return
    for part in shown:
        _print(part)


def _described(entry: PluginEntry[Any]) -> dict[str, Any]:
    from snnbench.options import describe
    from snnbench.plugins import KINDS

    takes_options = callable(entry.value)
    return {
        "kind": KINDS[entry.kind],
        "name": entry.name,
        "distribution": entry.source.distribution,
        "version": entry.source.version,
        "entry_point": f"{entry.source.name} = {entry.source.module}",
        "about": _about(entry),
        "options": [asdict(option) for option in describe(entry, entry.value)] if takes_options else [],
    }


def _about(entry: PluginEntry[Any]) -> str:
    if entry.kind == "datasets":
        size = " x ".join(map(str, entry.value.input_shape))
        return f"{entry.value.num_classes} classes, images of {size} (channels, height, width)"
    if entry.kind == "protocols":
        return _protocol(entry.value)
    if entry.kind == "chips":
        return str(entry.value)
    return " ".join((inspect.getdoc(entry.value) or "").partition("\n\n")[0].split())


def _protocol(path: Path) -> str:
    from snnbench.protocols import read_protocol

    document = read_protocol(path)
    baselines = [f"seed {each.seed}: {100 * each.accuracy:.2f} %" for each in document.baselines]
    return "\n".join(
        [
            f"{document.title}; version {document.version}",
            f"data set {document.data.name}, model {document.model.name}",
            f"baselines: {', '.join(baselines) or 'none shipped'}",
            f"metrics: {', '.join(document.evaluate.metrics)}",
            f"document: {path}",
        ]
    )


def _print(part: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(markup=False, highlight=False)
    console.print(f"{part['kind']} {part['name']}, from {part['distribution']} {part['version']}", soft_wrap=True)
    if part["about"]:
        console.print(part["about"], soft_wrap=True)
    if part["options"]:
        table = Table("option", "type", "default", "allowed", box=None, pad_edge=False)
        for option in part["options"]:
            default = "required" if option["required"] else str(option["default"])
            table.add_row(option["name"], option["type"], default, option["allowed"])
        console.print(table)
