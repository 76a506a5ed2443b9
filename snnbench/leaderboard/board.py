"""Boards and entries as they lie in a folder.

``leaderboards/<protocol>-v<k>/`` holds ``protocol.toml``, ``references/<seed and hash>/``, ``entries/<cell>/`` and the
generated tables. References and entries each have evidence and the sums of their files.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from snnbench.errors import RecordError, did_you_mean
from snnbench.protocols import Protocol, read_protocol
from snnbench.records.chip_evidence import CHIP_EVIDENCE_FILE, ChipOutcome, read_chip_evidence
from snnbench.records.evidence import EVIDENCE_FILE, Evidence, read_evidence
from snnbench.records.layout import ENTRIES, PROTOCOL_FILE, REFERENCES
from snnbench.records.record import RECORD_FILE, Record, read_record
from snnbench.records.schema import RecordPart

NOTE_FILE = "entry.json"


class Note(RecordPart):
    """What an entry says beside its record: the reference it was scored against, and audit findings it owns up to."""

    schema_version: Literal[1] = 1
    reference: str
    declared_findings: tuple[str, ...] = ()

    def to_json(self) -> str:
        """The note as it is written to disk."""
        return self.model_dump_json(indent=1) + "\n"


@dataclass(frozen=True)
class Entry:
    """One row's record and evidence."""

    folder: Path
    record: Record
    note: Note

    @property
    def name(self) -> str:
        """Name of the entry's folder."""
        return self.folder.name

    @cached_property
    def evidence(self) -> Evidence:
        """Predictions and counts, read when first asked for; a RecordError if they are damaged."""
        return read_evidence(self.folder / EVIDENCE_FILE)

    @cached_property
    def chip_evidence(self) -> ChipOutcome:
        """What its network did on the cell's chip, read when first asked for; a RecordError if it is damaged."""
        return read_chip_evidence(self.folder / CHIP_EVIDENCE_FILE)


@dataclass(frozen=True)
class Board:
    """The entries of one protocol version."""

    folder: Path
    protocol: Protocol

    @property
    def name(self) -> str:
        """``<protocol>-v<version>``."""
        return f"{self.protocol.name}-v{self.protocol.version}"

    def entry_folders(self) -> list[Path]:
        """Folders of all entries, sorted by name."""
        return _folders(self.folder / ENTRIES)

    def reference_folders(self) -> list[Path]:
        """Folders of all references, sorted by name."""
        return _folders(self.folder / REFERENCES)

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """All entries; a RecordError names the first that is damaged."""
        return tuple(read_entry(folder) for folder in self.entry_folders())

    @cached_property
    def _references(self) -> dict[str, Evidence]:
        return {}

    def reference(self, name: str) -> Evidence:
        """Evidence of a reference of this board; it has labels.

        Raises:
            RecordError: if there is none of that name, or it is damaged.
        """
        if name not in self._references:
            if name not in {folder.name for folder in self.reference_folders()}:
                raise RecordError(f"board '{self.name}' has no reference '{name}'")
            evidence = read_evidence(self.folder / REFERENCES / name / EVIDENCE_FILE)
            if evidence.labels is None:
                raise RecordError(f"reference '{name}' of board '{self.name}' has no labels")
            self._references[name] = evidence
        return self._references[name]


def read_board(folder: Path) -> Board:
    """The board in `folder`.

    Raises:
        RecordError: if there is none.
        ProtocolError: if its protocol document is not valid.
    """
    if not (folder / PROTOCOL_FILE).exists():
        raise _missing(folder)
    return Board(folder, read_protocol(folder / PROTOCOL_FILE))


def find_boards(path: Path) -> list[Board]:
    """The board at `path`, or all boards in it, by name.

    Raises:
        RecordError: if there is none.
    """
    folders = (
        [path] if (path / PROTOCOL_FILE).exists() else sorted(file.parent for file in path.glob(f"*/{PROTOCOL_FILE}"))
    )
    if not folders:
        raise _missing(path)
    return [read_board(folder) for folder in folders]


def _missing(path: Path) -> RecordError:
    beside = [file.parent.name for file in path.parent.glob(f"*/{PROTOCOL_FILE}")]
    near = did_you_mean(path.name, beside)
    return RecordError(f"no leaderboard in '{path}'{near or '; a board is made by: snnbench leaderboard add RECORD'}")


def read_entry(folder: Path) -> Entry:
    """The entry in `folder`.

    Raises:
        RecordError: if its record or note is missing or not valid.
    """
    record = read_record(folder / RECORD_FILE)
    try:
        note = Note.model_validate_json((folder / NOTE_FILE).read_bytes(), strict=True)
    except (OSError, ValidationError) as error:
        reason = error.strerror if isinstance(error, OSError) else error.errors()[0]["msg"]
        raise RecordError(f"'{folder / NOTE_FILE}' cannot be read: {reason}") from error
    return Entry(folder, record, note)


def is_entry(path: Path) -> bool:
    """Whether `path` is the folder of an entry."""
    return (path / RECORD_FILE).exists() and path.resolve().parent.name == ENTRIES


def board_of(entry: Path) -> Board:
    """The board that the entry in folder `entry` belongs to.

    Raises:
        RecordError: if there is no such board.
        ProtocolError: if its protocol document is not valid.
    """
    return read_board(entry.resolve().parent.parent)


def _folders(path: Path) -> list[Path]:
    return sorted(folder for folder in path.iterdir() if not folder.name.startswith(".")) if path.is_dir() else []
