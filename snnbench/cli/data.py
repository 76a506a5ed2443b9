"""``snnbench data``: prepare, list and verify data sets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from snnbench.cli.parameters import DataRoot, DatasetName, Json

if TYPE_CHECKING:
    from snnbench.data import Dataset

app = typer.Typer(help="Prepare, list and verify data sets.", no_args_is_help=True)

_Origin = Annotated[Path | None, typer.Option("--from", help="Archive or folder to import from, not the internet.")]


@app.command("prepare")
def prepare_command(name: DatasetName, origin: _Origin = None, data: DataRoot = None) -> None:
    """Download or import a data set, and check its content."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    from snnbench.data import prepare

    dataset = _dataset(name)
    if dataset.is_embedded and origin is None:
        typer.echo(f"{name} comes with a package: there is nothing to prepare")
        return
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    hidden = origin is not None or not console.is_terminal
    with Progress("{task.description}", *columns, console=console, transient=True, disable=hidden) as bar:
        task = bar.add_task(f"Downloading {name}", total=None, visible=False)

        def show(received: int, expected: int | None) -> None:
            bar.update(task, completed=received, total=expected, visible=True)

        folder = prepare(dataset, data, origin, show)
    typer.echo(f"{name} is prepared in {folder}; its content is as published")


@app.command("list")
def list_command(data: DataRoot = None, as_json: Json = False) -> None:
    """List the data sets, and which of them are prepared."""
    from snnbench.plugins import catalogue

    rows = [_describe(entry.value, data) for entry in catalogue().datasets.values()]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    from snnbench.data import resolve_root

    cells = [[row["name"], row["classes"], "x".join(map(str, row["input_shape"])), row["state"]] for row in rows]
    _print_table(f"Data sets in {resolve_root(data)}", ["name", "classes", "image", "state"], cells)


@app.command("verify")
def verify_command(name: DatasetName, data: DataRoot = None, as_json: Json = False) -> None:
    """Check every image and label of a data set. What was remembered of it does not count."""
    dataset = _dataset(name)
    rows = [(split, count, dataset.fingerprints[split]) for split, count in dataset.refresh(data).items()]
    if as_json:
        splits = [{"split": split, "images": count, "fingerprint": found} for split, count, found in rows]
        typer.echo(json.dumps({"name": name, "folder": _folder(dataset, data), "splits": splits}, indent=2))
        return
    cells = [[split, f"{count:,}", f"{found[:16]}..."] for split, count, found in rows]
    _print_table(f"{name}: the content is as published", ["split", "images", "fingerprint"], cells)


def _dataset(name: str) -> Dataset:
    from snnbench.plugins import catalogue

    return catalogue().datasets[name].value


def _describe(dataset: Dataset, data: Path | None) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "classes": dataset.num_classes,
        "input_shape": dataset.input_shape,
        "state": _state(dataset, data),
        "folder": _folder(dataset, data),
    }


def _state(dataset: Dataset, data: Path | None) -> str:
    from snnbench.errors import DamagedDataError

    if dataset.is_embedded:
        return "embedded"
    if not dataset.is_prepared(data):
        return "not prepared"
    try:
        dataset.files(data)
    except DamagedDataError as error:
        return f"damaged: {error}"
    return "prepared"


def _folder(dataset: Dataset, data: Path | None) -> str | None:
    folder = dataset.locate(data)
    return str(folder) if folder else None


def _print_table(title: str, headers: list[str], rows: list[list[Any]]) -> None:
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    table = Table(*(Column(header, overflow="fold") for header in headers), title=Text(title), title_justify="left")
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    Console().print(table)
