"""Measuring an entry again: the same predictions and counts, or nearly so on another machine."""

from __future__ import annotations

import time
from collections.abc import Iterator
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


def rerun_board(board: Board, data: Path | None, train: bool, reporter: Reporter) -> Iterator[Verdict]:
    """A verdict for each entry of `board` measured again: exact on the same versions and processor."""
    for entry in board.entries:
        started = time.perf_counter()
        try:
            problems = tuple(_rerun(board, entry, data, train, reporter))
        except SnnbenchError as error:
            problems = (str(error),)
        yield Verdict(f"{board.name}/{entry.name} measured again", problems, time.perf_counter() - started)


def _rerun(board: Board, entry: Entry, data: Path | None, train: bool, reporter: Reporter) -> Iterator[str]:
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
    yield from _compare(entry.evidence, found, exact, "its")
    labels = board.reference(entry.note.reference).labels
    if labels is not None and labels.tolist() != bench.test_set()[1].tolist():
        yield "its board's labels are not the data set's"
    reference = evidence_from(load(evidence_of(bench.reference(reporter))))
    yield from _compare(board.reference(entry.note.reference), reference, exact, "its reference's")


def _same_machine(entry: Entry) -> bool:
    here, there = environment("cpu", "eager"), entry.record.environment
    return (here.versions["torch"], here.processor, "cpu") == (
        there.versions.get("torch"),
        there.processor,
        there.device,
    )


def _compare(said: Evidence, found: Evidence, exact: bool, whose: str) -> Iterator[str]:
    if exact:
        if not said.predictions.equal(found.predictions):
            yield f"{whose} predictions are others"
        if said.profile != found.profile:
            yield f"{whose} spike counts are others"
        return
    changed = float((said.predictions != found.predictions).double().mean())
    drift = float(firing_drift(said.profile, found.profile))
    if changed > PREDICTION_TOLERANCE:
        yield f"{100 * changed:.2f} % of {whose} predictions are others"
    if drift > DRIFT_TOLERANCE:
        yield f"{whose} firing drifts by {drift:.5f}"
