"""Measuring an entry again: the same predictions and counts, or nearly so on another machine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from safetensors.torch import load

from snnbench.bench.cell import Cell, quantizer_spec
from snnbench.bench.evidence import evidence_of
from snnbench.bench.quantized import put_on_membranes
from snnbench.bench.record import environment
from snnbench.bench.reference import Bench, open_bench
from snnbench.bench.reporting import Reporter
from snnbench.bench.run import measure
from snnbench.errors import ProtocolError, SnnbenchError
from snnbench.functional import firing_drift
from snnbench.leaderboard.board import Board, Entry
from snnbench.leaderboard.evidence import EVIDENCE_FILE, Evidence, evidence_from
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
    _check_installed(board, bench, cell)
    if train or cell.mode == "ptq":
        record, files = measure(bench, cell, reporter)
        found = evidence_from(load(files[EVIDENCE_FILE]))
        if record.audit != entry.record.audit:
            yield "its audit is another"
    else:
        found = _infer(bench, entry, reporter)
    exact = _same_machine(entry)
    yield from _compare(entry.evidence, found, exact, "its")
    labels = board.reference(entry.note.reference).labels
    if labels is not None and labels.tolist() != bench.test_set()[1].tolist():
        yield "its board's labels are not the data set's"
    reference = evidence_from(load(evidence_of(bench.reference(reporter))))
    yield from _compare(board.reference(entry.note.reference), reference, exact, "its reference's")


def _check_installed(board: Board, bench: Bench, cell: Cell) -> None:
    if bench.protocol.fingerprint != board.protocol.fingerprint:
        raise ProtocolError(f"installed is {bench.protocol.name}-v{bench.protocol.version}, not {board.name}")
    for spec in filter(None, (cell.quantizer, cell.membrane)):
        installed = quantizer_spec(spec.name, spec.bits, spec.options)
        if (installed.distribution, installed.version) != (spec.distribution, spec.version):
            raise ProtocolError(
                f"quantizer '{spec.name}' is of {spec.distribution} {spec.version}; "
                f"installed is {installed.distribution} {installed.version}: install that version to measure again"
            )


def _infer(bench: Bench, entry: Entry, reporter: Reporter) -> Evidence:
    model = bench.network.build()
    put_on_membranes(model, entry.record.cell.membrane, bench)
    try:
        model.load_state_dict(read_weights_file(entry))
    except RuntimeError as error:
        raise ProtocolError(f"the entry's weights do not fit: {' '.join(str(error).split())}") from error
    return evidence_from(load(evidence_of(bench.evaluate(model, entry.name, reporter))))


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
