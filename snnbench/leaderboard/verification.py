"""Checking an entry: every score recomputed from its evidence, without the model and without the data."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from snnbench.bench.cell import Cell
from snnbench.bench.record import RECORD_FILE
from snnbench.errors import SnnbenchError
from snnbench.functional import seed_floor
from snnbench.leaderboard.board import NOTE_FILE, WEIGHTS_FILE, Board, Entry, read_entry
from snnbench.leaderboard.evidence import EVIDENCE_FILE
from snnbench.leaderboard.identity import identity_problems
from snnbench.leaderboard.rescoring import score_problems
from snnbench.leaderboard.sums import SUMS_FILE, check_sums
from snnbench.leaderboard.weights import audit_problems

EVIDENCE_BYTES = 600_000
WEIGHTS_BYTES = 1_000_000
CONTROL_BYTES = 4_000_000
"""Weights of a control, which are full precision and cannot be packed."""

SEED_FLOOR_TOLERANCE = 0.001
"""Spikes per step; as much as another processor may make a reference's firing drift."""

NOT_RECHECKED = (
    "intervals of firing metrics, which need counts by shard (only their order is checked)",
    "the noise floor (entries of one reference must agree on it)",
    "the floor between seeds, while the board lacks the reference of a seed (entries must agree on it)",
    "levels of weights that training did not change, and the labels (--rerun checks them)",
    "environment, wall time and training log",
)
"""What the evidence of an entry cannot carry."""


@dataclass(frozen=True)
class Verdict:
    """What was found about an entry, a reference or a board: no problems, or a sentence for each.

    Attributes:
        note: what a reader should know beside the problems, such as how far a network measured again is off.
    """

    name: str
    problems: tuple[str, ...]
    seconds: float
    note: str = ""


def verify_board(board: Board) -> Iterator[Verdict]:
    """A verdict for the board as a whole, each of its references and each of its entries."""
    for folder in board.reference_folders():
        yield _verdict(f"{board.name}/{folder.name}", lambda folder=folder: _reference_problems(board, folder))  # type: ignore[misc]
    for folder in board.entry_folders():
        yield verify_entry(board, folder)
    yield _verdict(board.name, lambda: _board_problems(board))


def verify_entry(board: Board, folder: Path) -> Verdict:
    """Check sums, sizes, identity and audit of the entry in `folder`, and recompute its scores."""
    return _verdict(f"{board.name}/{folder.name}", lambda: _entry_problems(board, folder))


def require_rows(board: Board) -> list[str]:
    """The reference rows that the board lacks: ``float`` in every mode, and uniform absmax post-training."""
    cells = [entry.record.cell for entry in board.entries]
    problems = [
        f"no {mode} row of quantizer 'float', seed {seed}: snnbench run -q float --mode {mode} -p {board.protocol.name}"
        for mode, seed in sorted({(cell.mode, cell.seed) for cell in cells})
        if not any(not c.quantizes and c.mode == mode and c.seed == seed for c in cells)
    ]
    absmax = (c for c in cells if c.quantizer.name == "uniform" and c.quantizer.options.get("clip") == "absmax")
    if cells and not any(cell.mode == "ptq" for cell in absmax):
        command = f"snnbench run -q uniform -o clip=absmax -p {board.protocol.name}"
        problems.append(f"no ptq row of quantizer 'uniform' with clip=absmax: {command}")
    return problems


def _verdict(name: str, check: Callable[[], list[str]]) -> Verdict:
    started = time.perf_counter()
    try:
        problems = check()
    except SnnbenchError as error:
        problems = [str(error)]
    return Verdict(name, tuple(problems), time.perf_counter() - started)


def _entry_problems(board: Board, folder: Path) -> list[str]:
    entry = read_entry(folder)
    problems = check_sums(folder) + _file_problems(folder, entry.record.cell)
    if (folder / RECORD_FILE).read_bytes() != entry.record.to_json().encode():
        problems.append(f"{RECORD_FILE} is not written as snnbench writes records")
    if (folder / NOTE_FILE).read_bytes() != entry.note.to_json().encode():
        problems.append(f"{NOTE_FILE} is not written as snnbench writes notes")
    problems += identity_problems(board.protocol, entry) + audit_problems(board.protocol, entry)
    return problems + score_problems(board, entry)


def _file_problems(folder: Path, cell: Cell) -> list[str]:
    limits = {EVIDENCE_FILE: EVIDENCE_BYTES}
    if cell.mode == "qat":
        limits[WEIGHTS_FILE] = CONTROL_BYTES if cell.quantizer.name == "float" else WEIGHTS_BYTES
    known = {RECORD_FILE, NOTE_FILE, SUMS_FILE, *limits}
    problems = [f"{file.name} does not belong in this entry" for file in folder.iterdir() if file.name not in known]
    for name, limit in limits.items():
        file = folder / name
        if file.exists() and file.stat().st_size > limit:
            problems.append(f"{name} has {file.stat().st_size:,} bytes; {limit:,} are allowed")
    return problems


def _reference_problems(board: Board, folder: Path) -> list[str]:
    problems = check_sums(folder)
    board.reference(folder.name)
    return problems


def _board_problems(board: Board) -> list[str]:
    problems = require_rows(board)
    floors: dict[str, set[float | None]] = {}
    for entry in board.entries:
        floors.setdefault(entry.note.reference, set()).add(entry.record.noise_floor.value)
    problems += [f"entries of reference '{name}' state different floors" for name, f in floors.items() if len(f) > 1]
    problems += _seed_floor_problems(board)
    labels = [board.reference(folder.name).labels for folder in board.reference_folders()]
    if any(each is None or labels[0] is None or not each.equal(labels[0]) for each in labels):
        problems.append("references have different labels")
    return problems + _control_problems(board)


def _seed_floor_problems(board: Board) -> list[str]:
    """Entries of several machines, whose references differ by rounding, agree nearly."""
    floors = [entry.record.seed_floor for entry in board.entries]
    stated = [floor.value for floor in floors if floor and floor.value is not None]
    references = {folder.name.partition("-")[0]: folder.name for folder in board.reference_folders()}
    if stated and len(references) == len(board.protocol.baselines):
        stated.append(float(seed_floor([board.reference(name).profile for name in references.values()])))
    if stated and max(stated) - min(stated) > SEED_FLOOR_TOLERANCE:
        return [f"entries and references give seed floors of {min(stated):.6f} and {max(stated):.6f}"]
    return []


def _control_problems(board: Board) -> list[str]:
    controls = {entry.record.cell.seed: entry for entry in board.entries if _is_control(entry)}
    problems = []
    for entry in board.entries:
        said, control = entry.record.control, controls.get(entry.record.cell.seed)
        if said is None or control is None:
            continue
        problems += [
            f"{entry.name}: its control's {metric} is not that of {control.name}"
            for metric in type(said).model_fields
            if getattr(said, metric).value != control.record.value(metric)
        ]
    return problems


def _is_control(entry: Entry) -> bool:
    cell = entry.record.cell
    return cell.mode == "qat" and not cell.quantizes
