"""A board's table in every format, from the one definition of columns; written files are generated only."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path

import pandas as pd

from snnbench.errors import RecordError
from snnbench.files import write_atomically
from snnbench.leaderboard.board import Board
from snnbench.leaderboard.columns import columns
from snnbench.leaderboard.ranking import Row, grouped, ranked_rows
from snnbench.leaderboard.verification import require_rows
from snnbench.records.words import shared_text


def table(board: Board) -> pd.DataFrame:
    """The board's rows with plain values: fractions and spikes per step, one column a `Column.key`."""
    return _frame(ranked_rows(board))


def write_tables(board: Board) -> list[Path]:
    """Write ``table.csv``, ``table.md``, ``table.tex`` and ``table.html`` into the board's folder.

    Raises:
        RecordError: if the board lacks a required reference row, or cannot be written.
    """
    written = []
    for name, content in _files(board).items():
        path = board.folder / name
        try:
            write_atomically(path, [content.encode()])
        except OSError as error:
            raise RecordError(f"cannot write '{path}': {error.strerror}") from error
        written.append(path)
    return written


def stale_tables(board: Board) -> list[Path]:
    """The board's table files that are missing or not what `write_tables` would write."""
    wanted = {board.folder / name: content.encode() for name, content in _files(board).items()}
    return [path for path, content in wanted.items() if not path.exists() or path.read_bytes() != content]


def _files(board: Board) -> dict[str, str]:
    missing = require_rows(board)
    if missing:
        raise RecordError(f"board '{board.name}' has {missing[0]}")
    rows = ranked_rows(board)
    return {name: render(board, rows) for name, render in _FORMATS.items()}


def _frame(rows: Sequence[Row]) -> pd.DataFrame:
    return pd.DataFrame({column.key: [column.value(row) for row in rows] for column in columns(rows)})


def _csv(board: Board, rows: Sequence[Row]) -> str:
    del board
    text: str = _frame(rows).to_csv(index=False, lineterminator="\n")
    return text


def _markdown(board: Board, rows: Sequence[Row]) -> str:
    shown = columns(rows)
    head = [[column.title for column in shown], ["--:" if column.numeric else ":--" for column in shown]]
    parts = []
    for title, own in grouped(rows):
        lines = [*head, *([column.text(row).replace("|", "\\|") for column in shown] for row in own)]
        body = "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
        parts.append(f"## {title}\n\n{body}" if title else body)
    tables = "\n\n".join(parts)
    return f"# {board.protocol.title}\n\n{_caption(board, rows)}\n\n{tables}\n\n{_legend(rows)}\n"


def _latex(board: Board, rows: Sequence[Row]) -> str:
    shown = columns(rows)
    layout = "".join("r" if column.numeric else "l" for column in shown)
    found = []
    for title, own in grouped(rows) or [("", [])]:
        frame = pd.DataFrame([[column.text(row) for column in shown] for row in own], columns=[c.title for c in shown])
        escaped = frame.map(_tex).rename(columns=_tex) if len(frame) else frame
        caption = _tex(f"{_caption(board, rows)} {title}.") if title else _tex(_caption(board, rows))
        found.append(escaped.to_latex(index=False, column_format=layout, caption=caption))
    return "\n".join(found)


def _html(board: Board, rows: Sequence[Row]) -> str:
    shown = columns(rows)
    heads = "".join(f'<th scope="col" title="{escape(column.about)}">{column.title}</th>' for column in shown)
    bodies = []
    for title, own in grouped(rows) or [("", [])]:
        first = [f'<tr><th colspan="{len(shown)}" scope="colgroup">{escape(title)}</th></tr>'] if title else []
        cells = ["".join(f"<td>{escape(column.text(row))}</td>" for column in shown) for row in own]
        body = "\n".join([*first, *(f"<tr>{each}</tr>" for each in cells)])
        bodies.append(f"<tbody>\n{body}\n</tbody>")
    caption = escape(_caption(board, rows))
    return f"<table>\n<caption>{caption}</caption>\n<thead><tr>{heads}</tr></thead>\n{chr(10).join(bodies)}\n</table>\n"


def _caption(board: Board, rows: Sequence[Row]) -> str:
    floors = sorted({row.entry.record.noise_floor.value or 0.0 for row in rows})
    shown = ", ".join(f"{floor:.4f}" for floor in floors)
    text = (
        f"{board.name}: accuracy and firing against the full-precision reference; split-half distance {shown}"
        f"{between_seeds(rows)}.{twins(board)}{several_controls(rows)}"
    )
    shared = shared_text(row.entry.record.cell for row in rows)
    return f"{text} In all rows of a quantizer: {shared}." if shared else text


def twins(board: Board) -> str:
    """What the references' twins reach, the networks without time that became them, where the protocol says so."""
    found = [f"{100 * baseline.twin:.2f}" for baseline in board.protocol.baselines if baseline.twin is not None]
    if not found:
        return ""
    bits = (board.protocol.train.stages[-1].timesteps).bit_length()
    return (
        f" The row to beat: without time, as an ordinary network with activations of {bits} bits, the reference's twin"
        f" has {', '.join(found)} % of the test images right."
    )


def between_seeds(rows: Sequence[Row]) -> str:
    """The EMD seed to seed, where records state it."""
    floors = [row.entry.record.seed_floor for row in rows]
    stated = sorted({f"{floor.value:.4f}" for floor in floors if floor and floor.value is not None})
    return f", seed to seed {', '.join(stated)}" if stated else ""


def several_controls(rows: Sequence[Row]) -> str:
    """With which controls the fine-tuned rows of a seed were compared, where there are several."""
    found: dict[int, Counter[tuple[str, float | None, float | None]]] = defaultdict(Counter)
    for record in (row.entry.record for row in rows):
        if (control := record.control) is not None:
            own = (record.environment.processor, control.accuracy.value, control.firing_emd.value)
            found[record.cell.seed][own] += 1
    return "".join(_controls_text(seed, own) for seed, own in sorted(found.items()) if len(own) > 1)


def _controls_text(seed: int, found: Counter[tuple[str, float | None, float | None]]) -> str:
    each = [f"{count} with one of {100 * (share or 0):.2f} % ({name})" for (name, share, _), count in found.items()]
    return (
        f" Fine-tuned rows of seed {seed} were compared with {len(found)} controls: {', '.join(sorted(each))}."
        " Processors round otherwise, and training makes much of it."
    )


def _legend(rows: Sequence[Row]) -> str:
    return "\n".join(f"- **{column.title}**: {column.about}" for column in columns(rows))


def _tex(text: str) -> str:
    return text.translate(_TEX)


_TEX = str.maketrans(
    {sign: f"\\{sign}" for sign in "&%_#${}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
)

_FORMATS: dict[str, Callable[[Board, Sequence[Row]], str]] = {
    "table.csv": _csv,
    "table.md": _markdown,
    "table.tex": _latex,
    "table.html": _html,
}
