"""Whether a record is what its board asks for: protocol, baseline, seed, metrics, and a cell that may be ranked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from snnbench.bench.metrics import ACCURACY, FIRING_EMD
from snnbench.engine import ENGINES
from snnbench.leaderboard.board import Entry
from snnbench.protocols import Protocol
from snnbench.quant.packing import NUMBER_BITS
from snnbench.records import words
from snnbench.records.record import Record

_DEVICES = ("cpu", "cuda", "mps", "xpu", "hpu")
_MOST_DEVICES = 16


def identity_problems(protocol: Protocol, entry: Entry) -> list[str]:
    """What keeps an entry off the board of `protocol`."""
    problems = list(record_problems(protocol, entry.record))
    if entry.name != entry.record.cell.folder:
        problems.append(f"the folder's name is not that of its cell, {entry.record.cell.folder}")
    return problems


def record_problems(protocol: Protocol, record: Record) -> Iterator[str]:
    """What keeps a record off the board of `protocol`, each with its remedy."""
    cell = record.cell
    again = f"measure again with: {words.command(cell)}"
    if (cell.protocol, cell.protocol_version) != (protocol.name, protocol.version):
        yield f"the record is of {cell.board}, the board of {protocol.name}-v{protocol.version}; {again}"
    if cell.fingerprint != protocol.fingerprint:
        yield f"the protocol's fingerprint is not {protocol.name}-v{protocol.version}'s; {again}"
    unasked = {ACCURACY.name, FIRING_EMD.name} - set(protocol.evaluate.metrics)
    if unasked:
        yield f"a board ranks by {' and '.join(sorted(unasked))}, and its protocol does not ask for that; add it there"
    if problem := protocol.seed_problem(cell.seed):
        yield f"{problem}; measure with --seed {protocol.seeds[0]}"
    if protocol.baselines and cell.weights != protocol.baseline(cell.seed).sha256:
        yield f"its baseline is not the protocol's for seed {cell.seed}; {again}"
    if not (cell.rankable and record.rankable):
        yield "records made with --limit or --model are never ranked; measure without them"
    if not ENGINES[record.environment.engine].exact:
        yield "the integer engine rounds otherwise than eager PyTorch; measure with --engine auto"
    yield from (f"{problem}; {again}" for problem in _measurement_problems(protocol, record))


def _measurement_problems(protocol: Protocol, record: Record) -> Iterator[str]:
    missing = set(protocol.evaluate.metrics) ^ set(record.metrics)
    if missing:
        yield f"its metrics are not the protocol's: {', '.join(sorted(missing))}"
    floors = {"noise_floor": record.noise_floor} | ({"seed_floor": record.seed_floor} if record.seed_floor else {})
    for name, score in {**record.metrics, **floors}.items():
        if score.value is None:
            yield f"metric {name} failed ({score.reason}); a board holds measured values only"
    if any(floor.low is not None or floor.high is not None for floor in floors.values()):
        yield "a split-half or seed-to-seed distance has no interval"
    if record.seed_floor and len(protocol.baselines) < 2:
        yield "it has a seed floor, and its protocol only one seed"
    qat = record.cell.mode == "qat"
    if qat != (record.control is not None):
        yield "a fine-tuned cell has a control, and no other has"
    if len(record.training_log) != (protocol.finetune.epochs if qat else 0):
        yield f"its training log has {len(record.training_log)} epochs"
    yield from _spelling_problems(record)
    if record.seconds < 0 or not _is_time(record.started):
        yield "its time is not one"


def _spelling_problems(record: Record) -> Iterator[str]:
    """Bits and devices that there are not."""
    cell = record.cell
    for spec in filter(None, (cell.quantizer, cell.membrane)):
        if not 1 <= spec.bits <= NUMBER_BITS:
            yield f"quantizer '{spec.name}' has {spec.bits} bits; there are 1 to {NUMBER_BITS}"
    kind, _, index = cell.device.partition(":")
    if kind not in _DEVICES or (index and not (index.isdigit() and int(index) < _MOST_DEVICES)):
        yield f"device '{cell.device}' is none"
    if record.environment.device != cell.device:
        yield f"it was measured on '{record.environment.device}', and its cell says '{cell.device}'"


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
