"""The static site: boards and entries as pages that work from a folder, offline, and without JavaScript."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from plotly.offline import get_plotlyjs

from snnbench.bench.metrics import ACCURACY, FIRING_EMD
from snnbench.errors import RecordError
from snnbench.files import write_atomically
from snnbench.leaderboard.board import Board
from snnbench.leaderboard.charts import numbered, rates_figures, scatter_figure
from snnbench.leaderboard.column import Column
from snnbench.leaderboard.columns import columns
from snnbench.leaderboard.ranking import Row, grouped, ranked_rows
from snnbench.leaderboard.scorecard import chip_lines, cost_lines, environment_lines, reproduction, score_lines
from snnbench.leaderboard.tables import between_seeds, twins
from snnbench.records import words
from snnbench.records.cell import Cell
from snnbench.records.score import Score

_PAGES = Path(__file__).parent / "pages"
_ASSETS = ("style.css", "table.js", "charts.js")
_HEADLINE = (
    ACCURACY.name,
    "accuracy_change",
    "rank",
    FIRING_EMD.name,
    "null_p",
    "emd_rank",
    "found_bits",
    "packed_kib",
)


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
        facts = [(board, _facts(board, boards)) for board in sorted(boards, key=_newest_first)]
        _write(out / "index.html", "index", "", title="snnbench leaderboards", boards=facts)
    except OSError as error:
        raise RecordError(f"--out '{out}' cannot be written ({error.strerror}); name another folder") from error
    return out / "index.html"


def _newest_first(board: Board) -> tuple[str, int]:
    return board.protocol.name, -board.protocol.version


def _facts(board: Board, boards: Sequence[Board]) -> dict[str, Any]:
    """What the first page says of a board."""
    records = [entry.record for entry in board.entries]
    versions = [each.protocol.version for each in boards if each.protocol.name == board.protocol.name]
    return {
        "entries": len(records),
        "quantizers": len(_quantizers(record.cell for record in records)),
        "accuracies": _values((record.reference.accuracy for record in records), 100, ".2f"),
        "floors": _values((record.noise_floor for record in records), 1, ".4f"),
        "older": board.protocol.version < max(versions),
    }


def _quantizers(cells: Iterable[Cell]) -> set[str]:
    """The names of all quantizers of weights and of membranes."""
    return {spec.name for cell in cells for spec in (cell.quantizer, cell.membrane) if spec} - {"float"}


def _values(scores: Iterable[Score], scale: float, form: str) -> str:
    """The different values of `scores`: one a seed, or nearly so."""
    found = {score.value for score in scores if score.value is not None}
    return ", ".join(dict.fromkeys(f"{scale * value:{form}}" for value in sorted(found)))


def _write_board(board: Board, folder: Path) -> None:
    rows = ranked_rows(board)
    cells = [row.entry.record.cell for row in rows]
    _write(
        folder / "index.html",
        "board",
        "../",
        title=f"{board.name}, snnbench",
        board=board,
        rows=rows,
        groups=grouped(rows),
        columns=[column for column in columns(rows) if any(column.text(row) for row in rows)],
        sort_value=_sort_value,
        between_seeds=between_seeds(rows),
        twins=twins(board),
        shared=words.shared_text(cells),
        mixed=any(cell.mode == "qat" for cell in cells),
        seeds=len({cell.seed for cell in cells}),
        scatter=_json(scatter_figure(rows)),
        numbered=numbered(rows),
        **_facts(board, [board]),
    )
    for row in rows:
        _write_entry(board, row, folder / f"{row.entry.name}.html")


def _write_entry(board: Board, row: Row, path: Path) -> None:
    entry, record = row.entry, row.entry.record
    figures = rates_figures(entry.evidence.profile, board.reference(entry.note.reference).profile)
    _write(
        path,
        "entry",
        "../",
        title=f"{entry.name}, snnbench",
        board=board,
        row=row,
        record=record,
        network=words.short(record.cell),
        headline=[(column.title, column.text(row)) for column in columns([row]) if column.key in _HEADLINE],
        scores=[*score_lines(record), *chip_lines(record)],
        costs=cost_lines(record),
        environment=environment_lines(record),
        command=reproduction(record),
        rates=[_json(figures[layer.layer]) for layer in record.layers],
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
