"""The unit of work that an executor is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from snnbench.engine import EAGER
from snnbench.records.failures import Fault

if TYPE_CHECKING:
    from snnbench.records.cell import Cell
    from snnbench.records.record import Record

ENGINE = EAGER.name
"""What a sweep's records compare with: its benches choose the engine so that it moves no result."""


@dataclass(frozen=True)
class BenchSpec:
    """Which bench a cell is measured on: small enough to send, and what `open_bench` needs.

    Attributes:
        protocol: name of the protocol.
        baseline: index of the baseline among those of the protocol.
        data: folder of the data sets, None for the default.
        device: where networks run, as PyTorch names it.
    """

    protocol: str
    baseline: int
    data: Path | None
    device: str


@dataclass(frozen=True)
class Task:
    """One cell, and the bench that it is measured on."""

    cell: Cell
    bench: BenchSpec


@dataclass(frozen=True)
class Measured:
    """A measured cell: its record, and the files of its evidence."""

    record: Record
    files: Mapping[str, bytes]


@dataclass(frozen=True)
class TaskOutcome:
    """How the task of the cell `key` ended."""

    key: str
    result: Measured | Fault
