"""A results folder as a table: one row a cell, finished, failed or damaged. Imports neither torch nor the plugins.

Records are read as plain JSON: tables show them, and whoever needs a checked one calls `read_record`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from snnbench.bench.failures import FAILURE_SUFFIX
from snnbench.bench.layout import RECORD_FILE
from snnbench.bench.listing import Listing, Row
from snnbench.errors import OptionError, RecordError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

STATUSES = ("finished", "failed", "damaged")


def read_rows(out: Path) -> list[Row]:
    """A row for every cell in the folder `out`, ordered by path.

    Raises:
        RecordError: if there is no such folder.
    """
    if not out.is_dir():
        raise RecordError(f"there is no results folder '{out}'")
    listing = Listing(out)
    rows = [row for board in _folders(out) for row in _rows_of(board, listing)]
    listing.remember()
    return rows


def as_frame(rows: list[Row]) -> pd.DataFrame:
    """The rows as a data frame; columns that no row has are not there."""
    import pandas as pd

    return pd.DataFrame(rows)


def select(frame: pd.DataFrame, conditions: Mapping[str, str]) -> pd.DataFrame:
    """The rows whose columns, as text, are the given values.

    Raises:
        OptionError: if there is no such column.
    """
    for column, value in conditions.items():
        frame = frame[frame[known_column(frame, column)].map(_text) == value]
    return frame


def known_column(frame: pd.DataFrame, column: str) -> str:
    """`column`, if the frame has it.

    Raises:
        OptionError: if not; it says which there are.
    """
    if column not in frame.columns:
        near = did_you_mean(column, frame.columns) or ";"
        raise OptionError(f"results have no column {column!r}{near} there are {', '.join(frame.columns)}")
    return column


def find_row(rows: list[Row], name: str) -> Row:
    """The one row whose key, or folder, starts with `name`.

    Raises:
        RecordError: if none does, or several do.
    """
    found = [row for row in rows if row["key"].startswith(name) or Path(row["path"]).name.startswith(name)]
    if len(found) != 1:
        what = f"{len(found)} cells match" if found else "no cell matches"
        raise RecordError(f"{what} '{name}'; give more of its key or of its folder's name")
    return found[0]


def _folders(folder: Path) -> list[os.DirEntry[str]]:
    entries = [entry for entry in os.scandir(folder) if entry.is_dir() and not entry.name.startswith(".")]
    return sorted(entries, key=lambda entry: entry.name)


def _rows_of(board: os.DirEntry[str], listing: Listing) -> Iterator[Row]:
    for entry in sorted(os.scandir(board.path), key=lambda entry: entry.name):
        if entry.name.startswith("."):
            continue
        if entry.name.endswith(FAILURE_SUFFIX):
            yield _failed(entry.path)
        elif entry.is_dir():
            yield _finished(entry.path, listing)


def _finished(path: str, listing: Listing) -> Row:
    file = f"{path}/{RECORD_FILE}"

    def read() -> Row:
        with open(file, "rb") as content:  # noqa: PTH123  # 10,000 Path objects take a tenth of a second
            record = from_json(content.read())
        return _identity(record["key"], record["cell"], path) | _measurements(record) | {"status": "finished"}

    try:
        return listing.row(file, read)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"{RECORD_FILE}: {error}"
        return {"status": "damaged", "board": Path(path).parent.name, "key": "", "path": path, "reason": reason}


def _failed(path: str) -> Row:
    try:
        note = from_json(Path(path).read_bytes())
        why = {"reason": note["fault"]["message"], "fault": note["fault"]["kind"], "started": note["at"]}
        return _identity(note["key"], note["cell"], path) | why | {"status": "failed"}
    except (OSError, ValueError, KeyError, TypeError) as error:
        return {"status": "damaged", "board": Path(path).parent.name, "key": "", "path": path, "reason": str(error)}


def _identity(key: str, cell: Mapping[str, Any], path: str) -> Row:
    quantizer, membrane = cell["quantizer"], cell["membrane"]
    row = {
        "status": "",
        "board": f"{cell['protocol']}-v{cell['protocol_version']}",
        "quantizer": quantizer["name"],
        "bits": quantizer["bits"],
        "options": _options(quantizer),
        "membrane": membrane["name"] if membrane else "",
        "membrane_bits": membrane["bits"] if membrane else None,
        "membrane_options": f"{_options(membrane)},site={membrane['site']}" if membrane else "",
        "mode": cell["mode"],
        "seed": cell["seed"],
        "limit": cell["limit"],
        "distribution": f"{quantizer['distribution']} {quantizer['version']}",
        "fingerprint": cell["fingerprint"],
    }
    return row | {"key": key, "path": path}


def _options(spec: Mapping[str, Any]) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted(spec["options"].items()))


def _measurements(record: Mapping[str, Any]) -> Row:
    row: Row = {}
    for name, score in record["metrics"].items():
        row[name], row[f"{name}_low"], row[f"{name}_high"] = score["value"], score.get("low"), score.get("high")
    environment = record["environment"]
    return row | {
        "noise_floor": record["noise_floor"]["value"],
        "seed_floor": record.get("seed_floor", {}).get("value"),
        "reference_accuracy": record["reference"]["accuracy"]["value"],
        "found_bits": record["audit"]["found_bits"],
        "findings": len(record["audit"]["findings"]),
        "rankable": record["rankable"],
        "started": record["started"],
        "seconds": record["seconds"],
        "device": environment["device"],
        "engine": environment["engine"],
        "threads": environment["threads"],
        "torch": environment["versions"]["torch"],
    }


def _text(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
