"""Measuring an entry again: the same predictions and counts, or nearly so on another machine."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load

from snnbench.bench.evidence import evidence_of
from snnbench.bench.record import environment
from snnbench.bench.reference import open_bench
from snnbench.bench.reporting import Reporter
from snnbench.bench.run import measure
from snnbench.errors import SnnbenchError
from snnbench.functional import firing_drift
from snnbench.leaderboard.board import WEIGHTS_FILE, Board, Entry
from snnbench.leaderboard.evidence import EVIDENCE_FILE, Evidence, evidence_from
from snnbench.leaderboard.rebuilding import check_installed, trained_network
from snnbench.leaderboard.verification import Verdict
from snnbench.leaderboard.weights import read_weights_file

PREDICTION_TOLERANCE = 0.002
"""Fraction of images that may be classified otherwise on another processor or other versions."""

DRIFT_TOLERANCE = 0.001
"""Firing drift, in spikes per step, that another processor or other versions may cause."""


@dataclass(frozen=True)
class Gap:
    """How far a network that was measured again is from the evidence.

    Attributes:
        changed: fraction of the images that are classified otherwise.
        drift: firing drift, in spikes per step.
        equal: whether all predictions and all counts are the same.
    """

    changed: float
    drift: float
    equal: bool

    def __str__(self) -> str:
        if self.equal:
            return "predictions and counts are the same"
        return f"{100 * self.changed:.2f} % of the predictions and {self.drift:.6f} spikes per step differ"


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
    bench = open_bench(board.protocol.name, cell.seed, data=data)
    check_installed(bench, cell)
    exact = _same_machine(entry)
    if train or cell.mode == "ptq":
        record, files = measure(bench, cell, reporter)
        found = evidence_from(load(files[EVIDENCE_FILE]))
        if record.audit != entry.record.audit:
            yield "its audit is another"
        if cell.mode == "qat" and exact and files[WEIGHTS_FILE] != (entry.folder / WEIGHTS_FILE).read_bytes():
            yield "its weights are others"
    else:
        model = trained_network(bench, cell, read_weights_file(entry))
        found = evidence_from(load(evidence_of(bench.evaluate(model, entry.name, reporter))))
    gap = _gap(entry.evidence, found)
    notes.append(str(gap))
    yield from problems(gap, exact, "its")
    said = board.reference(entry.note.reference)
    if said.labels is not None and said.labels.tolist() != bench.test_set()[1].tolist():
        yield "its board's labels are not the data set's"
    gap = _gap(said, evidence_from(load(evidence_of(bench.reference(reporter)))))
    notes.append(f"reference: {gap}")
    yield from problems(gap, exact, "its reference's")


def _same_machine(entry: Entry) -> bool:
    here, there = environment("cpu", "eager"), entry.record.environment
    return (here.versions["torch"], here.processor, "cpu") == (
        there.versions.get("torch"),
        there.processor,
        there.device,
    )


def _gap(said: Evidence, found: Evidence) -> Gap:
    return Gap(
        changed=float((said.predictions != found.predictions).double().mean()),
        drift=float(firing_drift(said.profile, found.profile)),
        equal=said.predictions.equal(found.predictions) and said.profile == found.profile,
    )


def problems(gap: Gap, exact: bool, whose: str) -> Iterator[str]:
    """A sentence for each way in which `gap` is too wide: with `exact` any difference, else what the tolerances say."""
    if exact and not gap.equal:
        yield f"{whose} evidence is of this kind of machine, and {gap}"
    if not exact and gap.changed > PREDICTION_TOLERANCE:
        yield f"{100 * gap.changed:.2f} % of {whose} predictions are others; {100 * PREDICTION_TOLERANCE} % may be"
    if not exact and gap.drift > DRIFT_TOLERANCE:
        yield f"{whose} firing drifts by {gap.drift:.5f} spikes per step; {DRIFT_TOLERANCE} are allowed"
