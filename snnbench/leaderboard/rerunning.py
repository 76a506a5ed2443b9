"""Measuring an entry again: the same predictions and counts, or nearly so on another machine."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path

from safetensors.torch import load

from snnbench.bench.bench import Bench
from snnbench.bench.provenance import check_installed
from snnbench.bench.reopening import bench_of
from snnbench.bench.run import measure
from snnbench.engine import EAGER
from snnbench.errors import RecordError, SnnbenchError
from snnbench.examine.rebuild import trained_network
from snnbench.functional import firing_drift
from snnbench.functional.costs import KINDS, Operations
from snnbench.leaderboard.board import Board, Entry
from snnbench.leaderboard.record_differences import record_differences
from snnbench.leaderboard.tolerances import DRIFT_TOLERANCE, OPERATIONS_TOLERANCE, PREDICTION_TOLERANCE
from snnbench.leaderboard.verification import Verdict
from snnbench.leaderboard.weights import read_weights_file
from snnbench.records.chip_evidence import CHIP_EVIDENCE_FILE
from snnbench.records.environment import environment
from snnbench.records.evaluation import Evaluation
from snnbench.records.evidence import EVIDENCE_FILE, Evidence, evidence_from, evidence_of
from snnbench.records.layout import WEIGHTS_FILE
from snnbench.records.record import Audit
from snnbench.reporting import Reporter

_STEADY = {"declared_bits", "found_bits", "levels"}
"""What rounding leaves alone in the audit of weights; of membranes it may move the levels, which are those visited."""


_SIZE = {"codebook", "packed_bits", "warnings"}
"""What packing decides, by the rule of the snnbench that measured."""


@dataclass(frozen=True)
class Gap:
    """How far a network that was measured again is from the evidence.

    Attributes:
        changed: fraction of the images that are classified otherwise.
        drift: firing drift, in spikes per step.
        operations: the most by which a layer's synaptic operations differ, as a fraction of those of all layers.
        equal: whether all predictions, all spike counts and all synaptic operations are the same.
    """

    changed: float
    drift: float
    operations: float
    equal: bool

    def __str__(self) -> str:
        if self.equal:
            return "predictions and counts are the same"
        return (
            f"{100 * self.changed:.2f} % of the predictions, {self.drift:.6f} spikes per step"
            f" and {100 * self.operations:.4f} % of the operations differ"
        )


def rerun(
    board: Board, entries: Sequence[Entry], data: Path | None, train: bool, reporter: Reporter
) -> Iterator[Verdict]:
    """A verdict for each of `entries` of `board` measured again: exact on the same versions and processor."""
    for entry in entries:
        started = time.perf_counter()
        notes: list[str] = []
        try:
            found = tuple(_rerun(board, entry, data, train, reporter, notes))
        except SnnbenchError as error:
            found = (str(error),)
        name, note = f"{board.name}/{entry.name} measured again", "; ".join(notes)
        yield Verdict(name, found, time.perf_counter() - started, note)


def _rerun(
    board: Board, entry: Entry, data: Path | None, train: bool, reporter: Reporter, notes: list[str]
) -> Iterator[str]:
    cell = entry.record.cell
    engine = entry.record.environment.engine if train and cell.mode == "qat" else "auto"
    bench = bench_of(entry.folder, cell, data, engine=engine)
    check_installed(bench, cell)
    exact = _same_machine(entry)
    differences: Iterator[str] = iter(())
    if train or cell.mode == "ptq":
        record, files = measure(bench, cell, reporter)
        found = evidence_from(load(files[EVIDENCE_FILE]))
        yield from audit_differences(entry.record.audit, record.audit, exact)
        differences = record_differences(entry.record, record, exact)
        if cell.mode == "qat" and exact and files[WEIGHTS_FILE] != (entry.folder / WEIGHTS_FILE).read_bytes():
            yield "its weights are others"
        if cell.chip and exact and files[CHIP_EVIDENCE_FILE] != (entry.folder / CHIP_EVIDENCE_FILE).read_bytes():
            yield f"its network does otherwise on {cell.chip.name}"
    else:
        model = trained_network(bench, cell, read_weights_file(entry))
        found = _as_kept(bench.evaluate(model, entry.name, reporter), bench)
    gap = _gap(entry.evidence, found)
    notes.append(str(gap))
    others = list(problems(gap, exact, "its"))
    yield from others or differences  # of another network everything differs
    yield from _reference_problems(board.reference(entry.note.reference), bench, exact, reporter, notes)


def _reference_problems(
    said: Evidence, bench: Bench, exact: bool, reporter: Reporter, notes: list[str]
) -> Iterator[str]:
    if said.labels is not None and said.labels.tolist() != bench.test_set()[1].tolist():
        yield "its board's labels are not the data set's"
    gap = _gap(said, _as_kept(bench.reference(reporter), bench))
    notes.append(f"reference: {gap}")
    yield from problems(gap, exact, "its reference's")


def _as_kept(evaluation: Evaluation, bench: Bench) -> Evidence:
    """What would be read of the evaluation's evidence."""
    return evidence_from(load(evidence_of(evaluation, bench.kept)))


def _same_machine(entry: Entry) -> bool:
    here, there = environment("cpu", EAGER.name), entry.record.environment
    return (here.versions["torch"], here.processor, "cpu") == (
        there.versions.get("torch"),
        there.processor,
        there.device,
    )


def _gap(said: Evidence, found: Evidence) -> Gap:
    if len(said.predictions) != len(found.predictions):
        raise RecordError(f"its evidence is of {len(said.predictions)} images, the data of {len(found.predictions)}")
    return Gap(
        changed=float((said.predictions != found.predictions).double().mean()),
        drift=float(firing_drift(said.profile, found.profile)),
        operations=_operations_gap(said.operations, found.operations),
        equal=said.predictions.equal(found.predictions)
        and (said.profile, said.operations) == (found.profile, found.operations),
    )


def _operations_gap(said: Operations, found: Operations) -> float:
    if list(said.layers) != list(found.layers):
        return inf
    gaps = [0.0]
    for kind in KINDS:
        mine, theirs, total = said.per_image(kind), found.per_image(kind), max(said.total(kind), found.total(kind))
        gaps += [abs(mine[name] - theirs[name]) / total for name in mine if total]
    return max(gaps)


def audit_differences(said: Audit, found: Audit, exact: bool) -> Iterator[str]:
    """A sentence for each part in which two audits differ: with `exact` any, else what rounding leaves alone."""
    mine, theirs = _parts(said, exact), _parts(found, exact)
    older = {name for name in Audit.model_fields if mine.get(name) is None}  # fields that were added later
    for part in (mine | theirs).keys() - older:
        if mine.get(part) != theirs.get(part):
            yield f"its audit of {part} is {mine.get(part)} in the record and {theirs.get(part)} measured again"


def _parts(audit: Audit, exact: bool) -> dict[str, object]:
    """The audit by layer, and the rest of it, but for what the size of a file decides."""
    bits = None if exact else _STEADY
    visited = None if exact else _STEADY - {"levels"}
    return {
        **{f"layer {row.layer}": row.model_dump(include=bits, exclude=_SIZE) for row in audit.weights},
        **{f"membrane {row.layer}": row.model_dump(include=visited) for row in audit.membranes},
        **audit.model_dump(include=None if exact else {"findings"}, exclude={"weights", "membranes", *_SIZE}),
    }


def problems(gap: Gap, exact: bool, whose: str) -> Iterator[str]:
    """A sentence for each way in which `gap` is too wide: with `exact` any difference, else what the tolerances say."""
    if exact and not gap.equal:
        yield f"{whose} evidence is of this kind of machine, and {gap}"
    if not exact and gap.changed > PREDICTION_TOLERANCE:
        yield f"{100 * gap.changed:.2f} % of {whose} predictions are others; {100 * PREDICTION_TOLERANCE} % may be"
    if not exact and gap.drift > DRIFT_TOLERANCE:
        yield f"{whose} firing drifts by {gap.drift:.5f} spikes per step; {DRIFT_TOLERANCE} are allowed"
    if not exact and gap.operations > OPERATIONS_TOLERANCE:
        yield f"{100 * gap.operations:.2f} % of {whose} operations differ; {100 * OPERATIONS_TOLERANCE:g} % may"
