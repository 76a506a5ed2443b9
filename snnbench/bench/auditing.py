"""The audit of a cell: what the quantized network holds against what the cell declares."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from snnbench.bench.rebuilding import Quantized
from snnbench.quant import Coverage, Watch, audit_membranes, audit_weights, float_bits, full_precision
from snnbench.quant.audit import MembraneAudit, WeightAudit, float_share
from snnbench.quant.packing import NUMBER_BITS
from snnbench.records.cell import Cell
from snnbench.records.record import Audit, MembraneRow, WeightRow


def audit_of(quantized: Quantized, watch: Watch, cell: Cell) -> Audit:
    """Audit the network of a cell, which has run inside `watch`."""
    model, declared = quantized.model, quantized.declared
    weights, membranes = audit_weights(model, watch, declared), audit_membranes(model, watch)
    membrane_bits = cell.membrane.bits if cell.membrane else 0
    rows = tuple(weight_row(name, audit, declared[name]) for name, audit in weights.items())
    floats = full_precision(model)
    findings = [
        *quantized.findings,
        *_weight_findings(weights, declared),
        *_membrane_findings(membranes, membrane_bits),
        *_coverage_findings(quantized, floats, weights, membranes),
    ]
    return Audit(
        weights=rows,
        membranes=tuple(
            MembraneRow(layer=name, declared_bits=membrane_bits, **asdict(audit)) for name, audit in membranes.items()
        ),
        full_precision=floats,
        found_bits=max((row.found_bits for row in rows), default=32),
        packed_bits=sum(row.packed_bits for row in rows),
        float_bits=float_bits(model),
        findings=tuple(findings),
        warnings=(*_packing_warnings(rows), *_stall_warnings(membranes)),
        float_share=float_share(model),
    )


def weight_row(name: str, audit: WeightAudit, declared: int) -> WeightRow:
    """The row of a layer in a record."""
    shown = {key: value for key, value in asdict(audit).items() if key not in ("steady", "finite", "distinct_levels")}
    return WeightRow(layer=name, declared_bits=declared, **shown)


def _weight_findings(weights: dict[str, WeightAudit], declared: dict[str, int]) -> Iterator[str]:
    for name, audit in weights.items():
        if audit.found_bits > declared[name]:
            yield (
                f"layer {name} holds {audit.levels} levels a channel, which is {audit.found_bits} bits;"
                f" {declared[name]} were declared{_rounding(audit, declared[name])}"
            )
        if not audit.steady:
            yield f"layer {name} changed its weight from one read to the next, while the network was only evaluated"
        if not audit.finite:
            yield f"layer {name} holds weights that are infinite or not a number"


def _rounding(audit: WeightAudit, declared: int) -> str:
    """What to do where levels are too many by rounding alone."""
    if audit.distinct_levels > 2**declared:
        return ""
    return (
        f": {audit.distinct_levels} levels, each spread by rounding, as w + (q - w).detach() does; return"
        " snnbench.quant.straight_through(q, w) in its place"
    )


def _membrane_findings(membranes: dict[str, MembraneAudit], declared: int) -> Iterator[str]:
    for name, audit in membranes.items():
        if audit.found_bits > declared:
            yield (
                f"membrane {name} visits {audit.levels} levels, which is {audit.found_bits} bits;"
                f" {declared} were declared"
            )


def _coverage_findings(
    quantized: Quantized,
    floats: tuple[str, ...],
    weights: dict[str, WeightAudit],
    membranes: dict[str, MembraneAudit],
) -> Iterator[str]:
    coverage: Coverage = quantized.coverage
    for name in floats:
        if name not in coverage.full_precision:
            yield f"layer {name} is in full precision, and the protocol does not exempt it"
    for name in coverage.quantized:
        if name not in weights and name not in floats:
            yield f"layer {name} was quantized, but the network never read its quantized weight"
    for name in quantized.membranes:
        if name not in membranes:
            yield f"membrane {name} was to be quantized, but its quantizer never ran"


def _packing_warnings(rows: tuple[WeightRow, ...]) -> Iterator[str]:
    for row in rows:
        size = row.packed_bits / row.weights
        if row.found_bits <= row.declared_bits and size > (row.declared_bits + NUMBER_BITS) / 2:
            yield (
                f"layer {row.layer} takes {size:.3g} bits a weight with its scales, bases or levels: it has too few"
                " weights a channel to tell them from floating point"
            )


def _stall_warnings(membranes: dict[str, MembraneAudit]) -> Iterator[str]:
    stalled = {name: audit.stalled_below for name, audit in membranes.items() if audit.stalled_below}
    if stalled:
        worst = max(stalled, key=lambda name: stalled[name])
        yield (
            f"the leak stalls in {len(stalled)} of {len(membranes)} membranes, where rounding undoes the decay:"
            f" within {stalled[worst]:.3g} theta of rest in {worst}"
        )
