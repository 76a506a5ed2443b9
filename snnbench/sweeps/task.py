"""The unit of work that an executor is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from snnbench.engine import EAGER
from snnbench.records.failures import Fault

if TYPE_CHECKING:
    from snnbench.bench.bench import Bench
    from snnbench.own.cells import OwnNetwork
    from snnbench.records.cell import Cell
    from snnbench.records.record import Record

ENGINE = EAGER.name
"""What a sweep's records compare with: its benches choose the engine so that it moves no result."""


@dataclass(frozen=True)
class BenchSpec:
    """Which bench a cell is measured on: small enough to send, and what it takes to open it.

    Attributes:
        protocol: name of the protocol.
        baseline: index of the baseline among those of the protocol.
        data: folder of the data sets, None for the default.
        device: where networks run, as PyTorch names it.
        own: the network of one's own that takes the place of the protocol and its baseline.
    """

    protocol: str
    baseline: int
    data: Path | None
    device: str
    own: OwnNetwork | None = None

    def open(self) -> Bench:
        """The bench.

        Raises:
            SnnbenchError: as `open_bench`.
        """
        from snnbench.bench.bench import open_bench

        if self.own is not None:
            return self.own.open(self.data, device=self.device)
        return open_bench(self.protocol, self.baseline, data=self.data, device=self.device)


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
