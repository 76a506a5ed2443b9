"""Checking an entry: every score recomputed from its evidence, without the model and without the data."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from snnbench.bench.score import metrics_in
from snnbench.errors import SnnbenchError
from snnbench.functional import seed_floor
from snnbench.leaderboard.board import NOTE_FILE, Board, Entry, read_entry
from snnbench.leaderboard.chip_rows import chip_problems
from snnbench.leaderboard.identity import identity_problems
from snnbench.leaderboard.installed import data_problems, network_problems, protocol_problems
from snnbench.leaderboard.intervals import interval_problems
from snnbench.leaderboard.rescoring import distance_problems, kept_problems, score_problems
from snnbench.leaderboard.sums import SUMS_FILE, check_sums
from snnbench.leaderboard.tolerances import DRIFT_TOLERANCE
from snnbench.leaderboard.weights import audit_problems
from snnbench.records.chip_evidence import CHIP_EVIDENCE_FILE
from snnbench.records.evidence import EVIDENCE_FILE
from snnbench.records.layout import WEIGHTS_FILE
from snnbench.records.record import RECORD_FILE, Control

EVIDENCE_BYTES = 1_000_000
"""Beside what is kept of each image."""

WEIGHTS_BYTES = 4_000_000
"""Packed weights: a SEW-ResNet-18 of width 32 has 3 MB at 8 bits."""

FLOAT_WEIGHTS_BYTES = 16_000_000
"""Weights in full precision, which cannot be packed: a SEW-ResNet-18 of width 32 has 11 MB."""

SEED_FLOOR_TOLERANCE = 2 * DRIFT_TOLERANCE
"""Spikes per step; as much as another processor may move it."""

FILE_BYTES = 200_000
"""Of a record, and of any other file that holds text."""

# Rounding moves a training no farther than another seed does, which moves firing by 0.010 on digits (its seed floor).
CONTROL_TOLERANCE = 0.02
"""Accuracy as a fraction, or spikes per step; as much as another machine's training may move a control."""

NOT_RECHECKED = (
    "intervals of EMD, drift and dead neurons, split-half distance and null (only whether they can be; --rerun does)",
    "the distance between seeds, while the board lacks the reference of a seed (entries must agree on it)",
    "the distance between two controls (--rerun --train recomputes it)",
    "which layers quantization reaches, where the network is not installed (--rerun checks it)",
    "levels of weights that training did not change, and the labels (--rerun checks them)",
    "what a chip cannot hold (--rerun does)",
    "synaptic operations, but that record and evidence agree (--rerun checks them), and their branches",
    "the control of a fine-tuned entry of another machine than the board's float row (only that both are near)",
    "options, versions and membranes of the cell, its seed of fine-tuning, environment, wall time and training log",
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
    cells = [entry.record.cell for entry in board.entries if entry.record.cell.chip is None]
    named = _protocol_in_words(board)
    problems = [
        f"no {mode} row of quantizer 'float', seed {seed}: snnbench run -q float --mode {mode} --seed {seed} -p {named}"
        for mode, seed in sorted({(cell.mode, cell.seed) for cell in cells})
        if not any(not c.quantizes and c.mode == mode and c.seed == seed for c in cells)
    ]
    absmax = (c for c in cells if c.quantizer.name == "uniform" and c.quantizer.options.get("clip") == "absmax")
    if cells and not any(cell.mode == "ptq" for cell in absmax):
        command = f"snnbench run -q uniform -o clip=absmax -p {named}"
        problems.append(f"no ptq row of quantizer 'uniform' with clip=absmax: {command}")
    return problems


def _protocol_in_words(board: Board) -> str:
    """Its name and version; where its weights lie on the board, it is not installed, and its document is anywhere."""
    own = any((board.folder / baseline.file).exists() for baseline in board.protocol.baselines)
    return f"DOCUMENT.toml, that of '{board.protocol.name}'" if own else board.name


def _verdict(name: str, check: Callable[[], list[str]]) -> Verdict:
    started = time.perf_counter()
    try:
        problems = check()
    except SnnbenchError as error:
        problems = [str(error)]
    return Verdict(name, tuple(problems), time.perf_counter() - started)


def _entry_problems(board: Board, folder: Path) -> list[str]:
    entry = read_entry(folder)
    problems = check_sums(folder) + _file_problems(folder, entry)
    problems += identity_problems(board.protocol, entry) + audit_problems(board.protocol, entry)
    problems += [*data_problems(board, entry), *network_problems(board, entry), *_seed_problems(board, entry)]
    problems += [*score_problems(board, entry), *chip_problems(board, entry)]
    return problems or list(interval_problems(board, entry))


def _seed_problems(board: Board, entry: Entry) -> Iterator[str]:
    baselines, said = board.protocol.baselines, entry.note.reference.partition("-")[0]
    if baselines and said != f"seed{board.protocol.baseline(entry.record.cell.seed).seed}":
        yield f"its reference is '{entry.note.reference}', not that of seed {entry.record.cell.seed}"


def _file_problems(folder: Path, entry: Entry) -> list[str]:
    evidence = EVIDENCE_BYTES + entry.evidence.bytes_by_image
    limits = {EVIDENCE_FILE: evidence, RECORD_FILE: FILE_BYTES, NOTE_FILE: FILE_BYTES, SUMS_FILE: FILE_BYTES}
    if entry.record.cell.mode == "qat":
        limits[WEIGHTS_FILE] = FLOAT_WEIGHTS_BYTES if entry.record.cell.quantizer.name == "float" else WEIGHTS_BYTES
    if entry.record.cell.chip:
        limits[CHIP_EVIDENCE_FILE] = EVIDENCE_BYTES
    return _size_problems(folder, limits)


def _size_problems(folder: Path, limits: Mapping[str, int]) -> list[str]:
    problems = [f"{file.name} does not belong here" for file in folder.iterdir() if file.name not in limits]
    for name, limit in limits.items():
        file = folder / name
        if file.exists() and file.stat().st_size > limit:
            problems.append(f"{name} has {file.stat().st_size:,} bytes; {limit:,} are allowed")
    return problems


def _reference_problems(board: Board, folder: Path) -> list[str]:
    reference = board.reference(folder.name)
    evidence = EVIDENCE_BYTES + reference.bytes_by_image
    problems = check_sums(folder) + _size_problems(folder, {EVIDENCE_FILE: evidence, SUMS_FILE: FILE_BYTES})
    problems += kept_problems(board, reference, reference)
    content = hashlib.sha256((folder / EVIDENCE_FILE).read_bytes()).hexdigest()
    seeds = [baseline.seed for baseline in board.protocol.baselines] or list(board.protocol.seeds)
    if folder.name not in {f"seed{seed}-{content[:12]}" for seed in seeds}:
        problems.append(
            f"its name is not that of a seed of the protocol ({', '.join(map(str, seeds))}) and its content"
        )
    return problems


def _board_problems(board: Board) -> list[str]:
    problems = [*protocol_problems(board), *require_rows(board)]
    seeds = [folder.name.partition("-")[0] for folder in board.reference_folders()]
    problems += [f"there are several references of {seed}" for seed in sorted(set(seeds)) if seeds.count(seed) > 1]
    floors: dict[str, set[float | None]] = {}
    for entry in board.entries:
        floors.setdefault(entry.note.reference, set()).add(entry.record.noise_floor.value)
    problems += [
        f"entries of reference '{name}' state different split-half distances"
        for name, f in floors.items()
        if len(f) > 1
    ]
    problems += _seed_floor_problems(board)
    labels = [board.reference(folder.name).labels for folder in board.reference_folders()]
    if any(each is None or labels[0] is None or not each.equal(labels[0]) for each in labels):
        problems.append("references have different labels")
    problems += control_problems(board.entries, board.entries)
    return problems + [
        f"{entry.name}: {problem}" for entry in board.entries for problem in _control_distance(board, entry)
    ]


def _control_distance(board: Board, entry: Entry) -> Iterator[str]:
    """Against the control on the board, if both were trained on the same kind of machine."""
    seed = entry.record.cell.seed
    for control in filter(_is_control, board.entries):
        if control.record.cell.seed == seed and _trained_on(entry) == _trained_on(control):
            yield from distance_problems(entry, control)


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


def control_problems(entries: Sequence[Entry], among: Sequence[Entry]) -> list[str]:
    """Where what `entries` say of their control is not what the rows of full precision `among` others say."""
    controls = [control for control in among if _is_control(control)]
    return [
        f"{entry.name}: its control's {metric} is not that of {control.name}"
        for entry, control in product(entries, controls)
        if entry.record.control and entry.record.cell.seed == control.record.cell.seed
        for metric in metrics_in(Control)
        if not _near(
            getattr(entry.record.control, metric).value,
            control.record.value(metric),
            _trained_on(entry) == _trained_on(control),
        )
    ]


def _near(said: float | None, found: float | None, exact: bool) -> bool:
    if found is None:  # the protocol does not ask for it
        return True
    return said == found if exact or said is None else abs(said - found) <= CONTROL_TOLERANCE


def _trained_on(entry: Entry) -> tuple[str | None, ...]:
    """What the rounding of a training depends on."""
    environment = entry.record.environment
    return environment.versions.get("torch"), environment.processor, environment.device, environment.engine


def _is_control(entry: Entry) -> bool:
    cell = entry.record.cell
    return cell.mode == "qat" and not cell.quantizes
