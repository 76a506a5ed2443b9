"""The rows of boards, looked up by what they hold constant and what they vary."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property, partial
from inspect import signature
from pathlib import Path

import torch
from torch import Tensor

from snnbench.bench.metrics import ACCURACY, FIRING_EMD
from snnbench.leaderboard.board import Board, Entry, find_boards
from snnbench.plugins import catalogue
from snnbench.protocols import Protocol
from snnbench.records.cell import Mode
from snnbench.records.record import Control, Record
from snnbench.records.score import Score

DATA_SETS = ("cifar10", "cifar100")
"""Data sets that conclusions belong to; digits are for trying things out."""


@dataclass(frozen=True, eq=False)
class Case:
    """One row of a board, and what it is compared with.

    Attributes:
        seed_floor: EMD between its reference and one of another seed, as the record says, or else as a board of the
            same weights and images does.
    """

    board: Board
    entry: Entry
    seed_floor: Score | None

    @property
    def record(self) -> Record:
        """Its record."""
        return self.entry.record

    @property
    def seed(self) -> int:
        """Seed of baseline and fine-tuning."""
        return self.record.cell.seed

    @cached_property
    def axes(self) -> dict[str, object]:
        """What the cell varies: quantizer, bits and options, and those of the membrane as ``membrane ...``."""
        cell = self.record.cell
        axes: dict[str, object] = {"quantizer": cell.quantizer.name, "bits": cell.quantizer.bits}
        axes |= cell.quantizer.options
        if cell.membrane is None:
            return axes | {"membrane": None}
        own = {"bits": cell.membrane.bits, "site": cell.membrane.site, **cell.membrane.options}
        return axes | {"membrane": cell.membrane.name} | {f"membrane {key}": value for key, value in own.items()}

    @property
    def key(self) -> tuple[int, str]:
        """Seed and axes: rows of one key, on whatever boards, are of the same cell."""
        return self.seed, repr(sorted(self.axes.items()))

    def matches(self, wanted: dict[str, object]) -> bool:
        """Whether every axis that is wanted has that value, or one of a tuple of values."""
        return all(_among(self.axes.get(axis), value) for axis, value in wanted.items())

    def score(self, metric: str) -> Score:
        """A metric of the record."""
        return self.record.metrics[metric]

    def value(self, metric: str) -> float:
        """The value of a metric; boards hold no failed ones."""
        found = self.score(metric).value
        assert found is not None
        return found

    @property
    def emd(self) -> Score:
        """Its firing EMD."""
        return self.score(FIRING_EMD.name)

    @cached_property
    def correct(self) -> Tensor:
        """Whether each image is classified rightly, bool (N,)."""
        return torch.eq(self.entry.evidence.predictions, self._labels)

    @cached_property
    def reference_correct(self) -> Tensor:
        """The same of the reference."""
        return torch.eq(self.board.reference(self.entry.note.reference).predictions, self._labels)

    @property
    def _labels(self) -> Tensor:
        labels = self.board.reference(self.entry.note.reference).labels
        assert labels is not None  # a board's references have them
        return labels

    @property
    def control(self) -> Control | None:
        """What its record says of its control."""
        return self.record.control

    def __str__(self) -> str:
        told = [(axis, value) for axis, value in self.axes.items() if (axis, value) not in _USUAL and value is not None]
        parts = dict(told)
        name, bits = parts.pop("quantizer"), parts.pop("bits")
        first = name if name == "float" else f"{name} {bits} bits"
        options = [str(value) if "membrane" not in axis else f"{axis} {value}" for axis, value in parts.items()]
        return ", ".join([str(first), *options])


_USUAL = {
    ("per", "tensor"),
    ("range", "signed"),
    ("codes", "signed"),
    ("membrane per", "tensor"),
    ("membrane clip", "narrow"),
    ("membrane codes", "signed"),
}
"""Options that go without saying."""


def _among(value: object, wanted: object) -> bool:
    return value in wanted if isinstance(wanted, tuple) else value == wanted


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of one board and mode.

    Attributes:
        older_controls: controls of older versions, of seeds whose control the newest version has too.
    """

    board: Board
    mode: Mode
    cases: tuple[Case, ...]
    older_controls: tuple[Case, ...] = ()

    @property
    def quantized(self) -> tuple[Case, ...]:
        """Those of which weights or membranes are quantized."""
        return tuple(case for case in self.cases if case.record.cell.quantizes)

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds there are."""
        return tuple(sorted({case.seed for case in self.cases}))

    def find(self, **wanted: object) -> tuple[Case, ...]:
        """Cases by their axes (an underscore stands for a space), in the order of seed and bits."""
        axes = {axis.replace("_", " "): value for axis, value in wanted.items()}
        found = (case for case in self.cases if case.matches(axes))
        return tuple(sorted(found, key=lambda case: (case.seed, str(case.axes))))

    def twins(self, case: Case, **changed: object) -> tuple[Case, ...]:
        """Cases of the same seed that differ from `case` in what is changed, and in nothing else."""
        changes = {axis.replace("_", " "): value for axis, value in changed.items()}
        wanted = {**case.axes, **changes}
        return tuple(
            o for o in self.cases if o.seed == case.seed and o.axes.keys() == wanted.keys() and o.matches(wanted)
        )

    def control_of(self, case: Case) -> Case | None:
        """The row of the same fine-tuning without quantization, if a version has it.

        Of several the one that its record was compared with, else one that was trained on its kind of processor.
        """
        among = (*self.cases, *self.older_controls)
        found = [other for other in among if other.seed == case.seed and not other.record.cell.quantizes]
        return max(found, key=partial(_likeness, case.record), default=None)


def _likeness(record: Record, control: Case) -> tuple[bool, bool]:
    told = record.control and (record.control.accuracy.value, record.control.firing_emd.value)
    processors = (record.environment.processor, control.record.environment.processor)
    return told == (control.value(ACCURACY.name), control.value(FIRING_EMD.name)), processors[0] == processors[1]


def read_rows(folder: Path, data_sets: Collection[str] = DATA_SETS) -> list[Rows]:
    """The rows of the boards in `folder` that are of real data: of each network the newest version, by mode.

    Two versions are of one network if their protocols name the same model with the same options. Where data,
    exemptions, weights and, for fine-tuned rows, fine-tuning are the same, rows that the newest lacks are taken from
    older ones.
    """
    found = [board for board in find_boards(folder) if board.protocol.data.name in data_sets]
    versions: dict[tuple[str, str], list[Board]] = {}
    for board in sorted(found, key=lambda each: -each.protocol.version):
        versions.setdefault((board.protocol.name, board.protocol.model.model_dump_json()), []).append(board)
    floors = dict(_floors(found))
    newest_first = sorted(versions.values(), key=lambda each: each[0].name)
    return [rows for boards in newest_first for rows in _by_mode(floors, *boards)]


def model_option(board: Board, name: str) -> object:
    """An option of the board's model: its protocol's, else the default of the model's factory."""
    model = board.protocol.model
    return {**_defaults(model.name), **model.options}.get(name)


@cache
def _defaults(model: str) -> dict[str, object]:
    parameters = signature(catalogue().models[model].value).parameters.values()
    return {parameter.name: parameter.default for parameter in parameters}


_Floors = dict[tuple[str, str], Score]


def _floors(boards: Iterable[Board]) -> Iterator[tuple[tuple[str, str], Score]]:
    """Seed floors that records state, by weights of the reference and test images."""
    for record in (entry.record for board in boards for entry in board.entries):
        if record.seed_floor is not None and record.seed_floor.value is not None:
            yield _measured_on(record), record.seed_floor


def _measured_on(record: Record) -> tuple[str, str]:
    return record.cell.weights, record.cell.data["test"]


def _by_mode(floors: _Floors, newest: Board, *older: Board) -> Iterator[Rows]:
    modes: tuple[Mode, ...] = ("ptq", "qat")
    for mode in modes:
        cases = {case.key: case for case in _cases(newest, mode, floors)}
        others = [case for board in older for case in _older(board, newest.protocol, mode, floors)]
        for case in others:
            cases.setdefault(case.key, case)
        controls = [case for case in others if case not in cases.values() and not case.record.cell.quantizes]
        yield Rows(newest, mode, tuple(cases.values()), tuple(controls))


def _older(board: Board, newest: Protocol, mode: Mode, floors: _Floors) -> Iterator[Case]:
    """Rows of an older version that the newest would measure alike: data, exemptions, weights and fine-tuning."""
    protocol = board.protocol
    alike = (protocol.data, protocol.quantize) == (newest.data, newest.quantize)
    if alike and (mode == "ptq" or protocol.finetune == newest.finetune):
        cases = _cases(board, mode, floors)
        yield from (case for case in cases if case.record.cell.weights == newest.baseline(case.seed).sha256)


def _cases(board: Board, mode: Mode, floors: _Floors) -> Iterator[Case]:
    for entry in board.entries:
        record = entry.record
        if record.cell.mode == mode and record.cell.chip is None:
            yield Case(board, entry, record.seed_floor or floors.get(_measured_on(record)))
