"""The static site: boards and entries as pages that work from a folder, offline, and without JavaScript."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from plotly.offline import get_plotlyjs

from snnbench.data import write_atomically
from snnbench.errors import RecordError
from snnbench.leaderboard.board import Board
from snnbench.leaderboard.charts import rates_figures, scatter_figure
from snnbench.leaderboard.columns import COLUMNS, Column, network
from snnbench.leaderboard.identity import command
from snnbench.leaderboard.ranking import Row, ranked_rows
from snnbench.leaderboard.tables import between_seeds

_PAGES = Path(__file__).parent / "pages"
_ASSETS = ("style.css", "table.js", "charts.js")


def write_site(boards: Sequence[Board], out: Path) -> Path:
    """Write the pages of `boards` into the folder `out`; returns the first page.

    Raises:
        RecordError: if the folder cannot be written, or an entry is damaged.
    """
    try:
        for name in _ASSETS:
            write_atomically(out / "assets" / name, [(_PAGES / name).read_bytes()])
        write_atomically(out / "assets" / "plotly.min.js", [get_plotlyjs().encode()])
        for board in boards:
            _write_board(board, out / board.name)
        _write(out / "index.html", "index", "", title="snnbench leaderboards", boards=boards)
    except OSError as error:
        raise RecordError(f"--out '{out}' cannot be written ({error.strerror}); name another folder") from error
    return out / "index.html"


def _write_board(board: Board, folder: Path) -> None:
    rows = ranked_rows(board)
    floors = sorted({row.entry.record.noise_floor.value or 0.0 for row in rows})
    _write(
        folder / "index.html",
        "board",
        "../",
        title=f"{board.name}, snnbench",
        board=board,
        rows=rows,
        columns=[column for column in COLUMNS if any(column.text(row) for row in rows)],
        sort_value=_sort_value,
        floors=", ".join(f"{floor:.4f}" for floor in floors) + between_seeds(rows),
        scatter=_json(scatter_figure(rows)),
    )
    for row in rows:
        _write_entry(board, row, folder / f"{row.entry.name}.html")


def _write_entry(board: Board, row: Row, path: Path) -> None:
    entry = row.entry
    figures = rates_figures(entry.evidence.profile, board.reference(entry.note.reference).profile)
    _write(
        path,
        "entry",
        "../",
        title=f"{entry.name}, snnbench",
        board=board,
        record=entry.record,
        network=network(row),
        command=command(entry.record),
        rates={name: _json(figure) for name, figure in figures.items()},
    )


def _sort_value(column: Column, row: Row) -> str:
    if column.key in ("rank", "emd_rank"):
        return column.text(row).partition("-")[0]
    value = column.value(row)
    return "" if value is None else str(value)


def _json(figure: dict[str, Any]) -> str:
    """JSON that may stand inside a script element."""
    return json.dumps(figure).replace("<", "\\u003c")


def _write(path: Path, template: str, root: str, **values: Any) -> None:
    text = _environment().get_template(f"{template}.html.j2").render(root=root, **values)
    write_atomically(path, [text.encode()])


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_PAGES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
