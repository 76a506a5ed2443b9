"""A results folder as a table: one row a cell, finished, failed or damaged. Imports neither torch nor the plugins.

Of a record only what tables show is decoded; whoever needs a checked one calls `read_record`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from snnbench.errors import OptionError, RecordError, did_you_mean
from snnbench.records.failures import FAILURE_SUFFIX
from snnbench.records.layout import ENTRIES, PROTOCOL_FILE, RECORD_FILE
from snnbench.records.listing import ListedRow, Listing
from snnbench.records.words import pairs

if TYPE_CHECKING:
    import pandas as pd


class _Score(msgspec.Struct):
    value: float | None
    low: float | None = None
    high: float | None = None


class _Reference(msgspec.Struct):
    accuracy: _Score


class _Audit(msgspec.Struct):
    found_bits: int
    findings: list[str]


class _Environment(msgspec.Struct):
    versions: dict[str, str]
    device: str
    engine: str
    threads: int


class _Record(msgspec.Struct):
    key: str
    cell: dict[str, Any]
    rankable: bool
    metrics: dict[str, _Score]
    noise_floor: _Score
    audit: _Audit
    reference: _Reference
    environment: _Environment
    started: str
    seconds: float
    seed_floor: _Score | None = None


_RECORD = msgspec.json.Decoder(_Record)
_TOLD = 5
_NAMED = re.compile(r"-\d+bit")  # so is every cell's folder, as `Cell.folder` says


def read_rows(out: Path) -> list[ListedRow]:
    """A row for every cell in the results folder `out`, in one protocol's folder of it, or on boards; ordered by path.

    A cell's own folder has one row.

    Raises:
        RecordError: if there is no such folder.
    """
    if not out.is_dir():
        raise RecordError(f"there is no results folder '{out}'")
    listing = Listing(out)
    if is_cell(out):
        rows = [_finished(str(out), listing)]
    else:
        rows = [row for board in _boards(out) for row in _rows_of(board, listing)]
    listing.remember()
    return rows


def as_frame(rows: list[ListedRow]) -> pd.DataFrame:
    """The rows as a data frame; columns that no row has are not there."""
    import pandas as pd

    return pd.DataFrame(rows, dtype=object)  # whole numbers stay whole, though a row has none


def select(rows: list[ListedRow], conditions: Mapping[str, str]) -> list[ListedRow]:
    """The rows whose columns, as text, are the given values.

    Raises:
        OptionError: if there is no such column.
    """
    for column in conditions:
        _check_column(rows, column)
    return [row for row in rows if all(_text(row.get(column)) == value for column, value in conditions.items())]


def ordered(rows: list[ListedRow], column: str) -> list[ListedRow]:
    """The rows in the order of a column; those without a value come last.

    Raises:
        OptionError: if there is no such column.
    """
    _check_column(rows, column)
    told = [row for row in rows if row.get(column) is not None]
    return sorted(told, key=lambda row: row[column]) + [row for row in rows if row.get(column) is None]


def columns_of(rows: Iterable[ListedRow]) -> list[str]:
    """The columns that any row has, in the order of their first appearance."""
    return list(dict.fromkeys(column for row in rows for column in row))


def _check_column(rows: list[ListedRow], column: str) -> None:
    if not any(column in row for row in rows):
        known = [name for name in columns_of(rows) if not name.endswith(("_low", "_high"))]
        near = did_you_mean(column, known) or ";"
        ends = ", and of metrics with an interval METRIC_low and METRIC_high"
        raise OptionError(f"results have no column {column!r}{near} there are {', '.join(known)}{ends}")


def find_row(rows: list[ListedRow], name: str) -> ListedRow:
    """The one row whose key, or folder, starts with `name`.

    Raises:
        RecordError: if none does, or several do.
    """
    found = [row for row in rows if Path(row["path"]).name == name] or [
        row for row in rows if row["key"].startswith(name) or Path(row["path"]).name.startswith(name)
    ]
    if len(found) != 1:
        some = ", ".join(Path(row["path"]).name for row in found[:_TOLD]) + (", ..." if len(found) > _TOLD else "")
        what = f"{len(found)} cells match '{name}' ({some})" if found else f"no cell matches '{name}'"
        raise RecordError(f"{what}; give more of its key or of its folder's name")
    return found[0]


def _boards(out: Path) -> list[str]:
    """The folders of cells: `out` is one, or a board, or holds some of these."""
    if _is_board(out):
        return [str(out / ENTRIES)]
    entries = [entry for entry in os.scandir(out) if entry.is_dir() and not entry.name.startswith(".")]
    folders = sorted(entry.path for entry in entries)
    if any(map(is_cell, folders)):
        return [str(out)]
    return [f"{folder}/{ENTRIES}" if _is_board(folder) else folder for folder in folders]


def _is_board(folder: str | Path) -> bool:
    return (Path(folder) / PROTOCOL_FILE).is_file() and (Path(folder) / ENTRIES).is_dir()


def is_cell(folder: str | Path) -> bool:
    """Whether `folder` is that of a finished cell."""
    return (Path(folder) / RECORD_FILE).is_file()


def _rows_of(board: str, listing: Listing) -> Iterator[ListedRow]:
    for entry in sorted(os.scandir(board), key=lambda entry: entry.name):
        if entry.name.startswith("."):
            continue
        if entry.name.endswith(FAILURE_SUFFIX):
            yield _failed(entry.path)
        elif entry.is_dir() and (_NAMED.search(entry.name) or is_cell(entry.path)):
            yield _finished(entry.path, listing)


def _finished(path: str, listing: Listing) -> ListedRow:
    file = f"{path}/{RECORD_FILE}"

    def read() -> ListedRow:
        with open(file, "rb") as content:  # noqa: PTH123  # 10,000 Path objects take a tenth of a second
            record = _RECORD.decode(content.read())
        return _identity(record.key, record.cell, path) | _measurements(record) | {"status": "finished"}

    try:
        return listing.row(file, read)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"{RECORD_FILE}: {error}"
        return {"status": "damaged", "board": Path(path).parent.name, "key": "", "path": path, "reason": reason}


def _failed(path: str) -> ListedRow:
    try:
        note = msgspec.json.decode(Path(path).read_bytes())
        why = {"reason": note["fault"]["message"], "fault": note["fault"]["kind"], "started": note["at"]}
        return _identity(note["key"], note["cell"], path) | why | {"status": "failed"}
    except (OSError, ValueError, KeyError, TypeError) as error:
        return {"status": "damaged", "board": Path(path).parent.name, "key": "", "path": path, "reason": str(error)}


def _identity(key: str, cell: Mapping[str, Any], path: str) -> ListedRow:
    quantizer, membrane = cell["quantizer"], cell["membrane"]
    row = {
        "status": "",
        "board": f"{cell['protocol']}-v{cell['protocol_version']}",
        "quantizer": quantizer["name"],
        "bits": quantizer["bits"],
        "options": " ".join(pairs(quantizer["options"])),
        "membrane": membrane["name"] if membrane else "",
        "membrane_bits": membrane["bits"] if membrane else None,
        "membrane_options": " ".join(pairs({**membrane["options"], "site": membrane["site"]})) if membrane else "",
        "chip": (cell.get("chip") or {}).get("name", ""),
        "mode": cell["mode"],
        "seed": cell["seed"],
        "limit": cell["limit"],
        "distribution": f"{quantizer['distribution']} {quantizer['version']}",
        "fingerprint": cell["fingerprint"],
    }
    return row | {"key": key, "path": path}


def _measurements(record: _Record) -> ListedRow:
    row: ListedRow = {}
    for metric, score in record.metrics.items():
        name = "needed_membrane_bits" if metric == "membrane_bits" else metric  # the cell's own are the quantizer's
        row[name], row[f"{name}_low"], row[f"{name}_high"] = score.value, score.low, score.high
    environment = record.environment
    return row | {
        "noise_floor": record.noise_floor.value,
        "seed_floor": record.seed_floor.value if record.seed_floor else None,
        "reference_accuracy": record.reference.accuracy.value,
        "found_bits": record.audit.found_bits,
        "findings": len(record.audit.findings),
        "rankable": record.rankable,
        "started": record.started,
        "seconds": record.seconds,
        "device": environment.device,
        "engine": environment.engine,
        "threads": environment.threads,
        "torch": environment.versions["torch"],
    }


def _text(value: object) -> str:
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
