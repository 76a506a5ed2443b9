"""The audit of an entry: consistent in itself, and recounted where the entry carries its weights."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from snnbench.errors import RecordError
from snnbench.examine.rebuild import recount
from snnbench.leaderboard.board import Entry
from snnbench.protocols import Protocol
from snnbench.quant.packing import NUMBER_BITS, bits_for
from snnbench.records.layout import WEIGHTS_FILE
from snnbench.records.network_file import unpack_network
from snnbench.records.record import Audit, MembraneRow, WeightRow


def audit_problems(protocol: Protocol, entry: Entry) -> list[str]:
    """What is wrong with the entry's audit."""
    record = entry.record
    membrane = record.cell.membrane
    spiking = set(entry.evidence.profile.layers) if membrane else set()
    problems = list(_inconsistencies(record.audit))
    problems += _undeclared(entry)
    problems += [problem for row in record.audit.weights for problem in _row_problems(row)]
    if {row.layer for row in record.audit.membranes} != spiking:
        problems.append("its audit names other quantized membranes than its cell and evidence")
    bits = record.cell.quantizer.bits
    for row in record.audit.weights:
        # A quantizer of fixed bits keeps its own where the protocol has others; which it is, its plugin alone knows.
        if row.declared_bits not in (bits, protocol.quantize.bits.get(row.layer)):
            problems.append(f"layer {row.layer} declares {row.declared_bits} bits, not those of its cell")
    if record.cell.mode == "qat":
        problems += recount(record.audit, read_weights_file(entry))
    return problems


def read_weights_file(entry: Entry) -> dict[str, Tensor]:
    """The weights that training changed.

    Raises:
        RecordError: if they are missing or damaged.
    """
    path = entry.folder / WEIGHTS_FILE
    try:
        return unpack_network(path.read_bytes())
    except OSError as error:
        raise RecordError(f"weights '{path}' cannot be read: {error.strerror}") from error
    except RecordError as error:
        raise RecordError(f"weights '{path}' cannot be read: {error}") from error


def _inconsistencies(audit: Audit) -> Iterator[str]:
    rows: tuple[WeightRow | MembraneRow, ...] = (*audit.weights, *audit.membranes)
    for row in rows:
        if row.found_bits != bits_for(row.levels):
            yield f"layer {row.layer}: {row.levels} levels are not {row.found_bits} bits"
        said = any(f" {row.layer} " in finding for finding in audit.findings)
        if row.found_bits > row.declared_bits and not said:
            yield f"layer {row.layer} holds more than its declared bits, and no finding says so"
    if audit.found_bits != max((row.found_bits for row in audit.weights), default=NUMBER_BITS):
        yield "the audit's bits are not the most of its layers"
    if audit.packed_bits != sum(row.packed_bits for row in audit.weights):
        yield "the audit's packed size is not the sum of its layers"


def _row_problems(row: WeightRow) -> Iterator[str]:
    """What no weight tensor can be."""
    if row.levels > row.weights or not 1 <= row.declared_bits <= NUMBER_BITS:
        yield f"layer {row.layer}: {row.weights} weights have no {row.levels} levels of {row.declared_bits} bits"
        return
    if not 0 < row.occupancy <= row.levels / 2**row.declared_bits or not 0 <= row.saturated <= 1:
        yield f"layer {row.layer}: an occupancy of {row.occupancy} or saturation of {row.saturated} cannot be"
    if not row.found_bits * row.weights <= row.packed_bits <= NUMBER_BITS * row.weights:
        yield f"layer {row.layer}: {row.weights} weights of {row.found_bits} bits do not take {row.packed_bits} bits"


def _undeclared(entry: Entry) -> Iterator[str]:
    if entry.note.declared_findings != entry.record.audit.findings:
        findings = "; ".join(entry.record.audit.findings) or "none"
        yield f"audit findings ({findings}) are not those declared; add the record with --declare-findings"
