"""Rows of cells that were put on a chip: whether what their records say of the chip is so."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import ValidationError

from snnbench.bench.chip_gap import GAP_METRICS, gap_of
from snnbench.bench.metrics import FIRING_DRIFT, FIRING_EMD
from snnbench.bench.scored import Scored
from snnbench.chips import Semantics, find_chip
from snnbench.errors import FiringError
from snnbench.leaderboard.board import Board, Entry
from snnbench.leaderboard.intervals import width_problems
from snnbench.leaderboard.rescoring import class_problems, layer_differences, score_differences
from snnbench.plugins import catalogue
from snnbench.records.cell import ChipSpec
from snnbench.records.chip import ChipGap

_SCORES = (*GAP_METRICS, "spikes_differ", "overflow")


def chip_problems(board: Board, entry: Entry) -> list[str]:
    """What the evidence of the chip contradicts; nothing for a row without one.

    Raises:
        RecordError: if that evidence is missing or damaged.
    """
    chip, said = entry.record.cell.chip, entry.record.chip
    if chip is None or said is None:
        return [] if chip is None and said is None else ["it has a chip or a chip gap, and not both"]
    problems = list(_chip_problems(chip)) or list(_evidence_problems(entry))
    return problems or list(_gap_problems(board, entry, said))


def _chip_problems(chip: ChipSpec) -> Iterator[str]:
    """Whether the chip is not the one of its name, as far as that is installed."""
    if chip.distribution is None:
        yield f"chip '{chip.name}' is of a file; a plugin that brings it lets others measure it again"
        return
    try:
        said = Semantics.model_validate(chip.semantics)
    except ValidationError as error:
        yield f"the document of chip '{chip.name}' is not valid ({error.errors()[0]['msg']})"
        return
    installed = find_chip(chip.name) if chip.name in catalogue().chips else None
    if said.name != chip.name or said.arithmetic == "float":
        yield f"the document of chip '{chip.name}' is of '{said.name}', in {said.arithmetic} arithmetic"
    elif installed and installed.version == said.version and installed.fingerprint != said.fingerprint:
        yield f"the document of chip '{chip.name}' is not that of its version {said.version}"


def _evidence_problems(entry: Entry) -> Iterator[str]:
    mine, floats = entry.chip_evidence, entry.evidence
    if sorted(mine.profile.layers) != sorted(floats.profile.layers):
        yield "the layers on the chip are not those of its evidence"
    elif mine.profile.samples != floats.profile.samples or mine.profile.timesteps != floats.profile.timesteps:
        yield "images and steps on the chip are not those of its evidence"


def _gap_problems(board: Board, entry: Entry, said: ChipGap) -> Iterator[str]:
    labels = board.reference(entry.note.reference).labels
    assert labels is not None
    yield from class_problems(entry.chip_evidence.predictions, labels)
    scored = Scored(entry.chip_evidence, entry.evidence, labels, board.protocol.evaluate, sharded=False)
    try:
        found = gap_of(entry.chip_evidence, scored, said.excess)
    except FiringError as error:
        yield f"its chip gap cannot be computed: {error}"
        return
    yield from score_differences("chip", *({name: getattr(gap, name) for name in _SCORES} for gap in (said, found)))
    for name in ("first_layer", "first_step", "silent"):
        if getattr(said, name) != getattr(found, name):
            yield f"chip {name} is {getattr(said, name)} in the record and {getattr(found, name)} by its evidence"
    yield from layer_differences(*([dict(row) for row in gap.layers] for gap in (said, found)))
    for name in (FIRING_EMD.name, FIRING_DRIFT.name):
        yield from width_problems(f"chip {name}", name, getattr(said, name), entry.record.noise_floor.value or 0.0)
