"""What pictures are drawn from: records of one protocol, each with the firing that its evidence holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from snnbench.bench.provenance import check_reference
from snnbench.bench.reopening import bench_of
from snnbench.errors import RecordError
from snnbench.functional import FiringProfile
from snnbench.records import words
from snnbench.records.evidence import EVIDENCE_FILE, read_evidence
from snnbench.records.layout import finished_cells
from snnbench.records.record import Record, read_record
from snnbench.reporting import Reporter


@dataclass(frozen=True)
class Series:
    """One record, its firing, and the short name that pictures give it."""

    record: Record
    profile: FiringProfile
    label: str
    folder: Path


def read_series(paths: Sequence[Path]) -> list[Series]:
    """The records at `paths`: finished cells, or folders that hold some.

    Raises:
        RecordError: if one cannot be read, or they are not of one protocol, one network and one set of images.
    """
    folders = [folder for path in paths for folder in finished_cells(path)]
    records = [read_record(folder) for folder in folders]
    first = records[0].cell
    for path, record in zip(folders, records, strict=True):
        cell = record.cell
        if (cell.fingerprint, cell.limit, cell.weights) != (first.fingerprint, first.limit, first.weights):
            raise RecordError(
                f"record '{path}' is of another protocol, baseline or limit than '{folders[0]}';"
                " records with different references do not share a picture: give those of one seed, as"
                f" {path.parent}/*-seed{cell.seed}-*"
            )
    profiles = [read_evidence(folder / EVIDENCE_FILE).profile for folder in folders]
    labels = words.apart([record.cell for record in records])
    return [Series(*parts) for parts in zip(records, profiles, labels, folders, strict=True)]


def reference_profile(series: Series, data: Path | None, reporter: Reporter) -> FiringProfile:
    """Firing of the record's reference, from the cache or run again.

    Raises:
        RecordError: if the record is of an own network that it does not keep.
        ProtocolError: if it is of another version of the protocol than that which is installed.
        SnnbenchError: if the reference is not cached and the data set is not prepared.
    """
    record, cell = series.record, series.record.cell
    bench = bench_of(series.folder, cell, data, record.environment.device)
    check_reference(bench, cell)
    return bench.reference(reporter).profile
