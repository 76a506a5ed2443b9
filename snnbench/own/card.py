"""The card of one network of a report: all that was measured of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from snnbench.bench.metrics import FIRING_EMD
from snnbench.errors import FiringError, OptionError
from snnbench.functional import (
    DEAD_BELOW,
    Estimate,
    LayerRow,
    accuracy_by_step,
    agreement_by_step,
    early_exit,
    layer_table,
)
from snnbench.functional.floorline import Floorline, floorline
from snnbench.own.measures import MEASURES, Measure, Pair, Reading
from snnbench.own.outcome import Outcome
from snnbench.own.weights import WeightBits, float_share

_CONFIDENCES = (0.5, 0.7, 0.8, 0.9, 0.95, 0.99)


@dataclass(frozen=True)
class Card:
    """One network of a report.

    Attributes:
        measures: name -> value, with its 95 % interval where it has one, or the reason why it could not be measured.
        layers: a row each spiking layer, against the reference.
        weights: a row each matrix of weights, with the bits found in it.
        state_bits: layer -> bits that number the levels of its membrane potentials, 32 in float; layers that do not
            show their potentials are left out.
        by_step: accuracy and agreement after each step, as fractions; empty where they are not known.
        exits: early-exit curve: (confidence, mean steps, accuracy); empty where it is not known.
        floorline: layer of synapses -> what bounds it, if it had a core of its own.
        notes: what a reader of the numbers must know.
    """

    measures: dict[str, Reading | str]
    layers: tuple[LayerRow, ...]
    weights: tuple[WeightBits, ...]
    state_bits: dict[str, int]
    by_step: dict[str, tuple[float, ...]]
    exits: tuple[tuple[float, float, float], ...]
    floorline: dict[str, Floorline]
    notes: tuple[str, ...]

    @property
    def floats(self) -> tuple[str, ...]:
        """Layers whose weights stay in full precision."""
        return tuple(row.layer for row in self.weights if row.is_float)

    def value(self, measure: str) -> float:
        """A measure's value.

        Raises:
            OptionError: if there is no such measure.
            FiringError: if it could not be measured; the message says why.
        """
        if measure not in self.measures:
            raise OptionError(f"there is no measure {measure!r}; there are {', '.join(self.measures)}")
        found = self.measures[measure]
        if isinstance(found, str):
            raise FiringError(f"{measure} could not be measured: {found}")
        return found.value if isinstance(found, Estimate) else found


def card_of(pair: Pair, steady: bool, control: Outcome | None, added: Sequence[Measure]) -> Card:
    """The card of one network of a pair: every measure, and those of `added` costs.

    `steady` says whether it gave the same outputs when it saw the first samples again; with `control`, the distance to
    that network is measured, too.
    """
    alone = pair.pairing is None
    measures: dict[str, Reading | str] = {
        measure.name: _measured(measure.of, pair) for measure in (*MEASURES, *added) if not (alone and measure.compares)
    }
    if control is not None:
        against = Pair(pair.mine, control, pair.labels, None, pair.weights)
        emd = next(measure for measure in MEASURES if measure.name == FIRING_EMD.name)
        measures["control_emd"] = _measured(emd.of, against)
    profiles, dead_below = (pair.mine.profile, pair.reference.profile), DEAD_BELOW / pair.mine.substeps
    return Card(
        measures,
        tuple(_per_step(row, pair.mine.substeps) for row in layer_table(*profiles, pair.paired, dead_below)),
        pair.weights,
        pair.mine.state_bits,
        _by_step(pair),
        _exits(pair),
        {
            name: floorline(load, pair.mine.profile.timesteps // pair.mine.substeps)
            for name, load in pair.mine.synapses.items()
        },
        _notes(pair, steady),
    )


def _per_step(row: LayerRow, substeps: int) -> LayerRow:
    rates = ("rate", "reference_rate", "emd", "null_emd", "drift", "temporal_drift")
    return replace(row, **{name: getattr(row, name) * substeps for name in rates})


def _measured(of: Any, pair: Pair) -> Reading | str:
    try:
        found: Reading = of(pair)
    except FiringError as error:
        return str(error)
    return found


def _by_step(pair: Pair) -> dict[str, tuple[float, ...]]:
    mine, theirs = pair.mine.step_logits, pair.reference.step_logits
    if mine is None or theirs is None:
        return {}
    curves = {"agreement": agreement_by_step(mine.transpose(0, 1), theirs.transpose(0, 1))}
    if pair.labels is not None:
        curves["accuracy"] = accuracy_by_step(mine.transpose(0, 1), pair.labels)
    return {name: tuple(curve.tolist()) for name, curve in curves.items()}


def _exits(pair: Pair) -> tuple[tuple[float, float, float], ...]:
    if pair.mine.step_logits is None or pair.labels is None:
        return ()
    steps = pair.mine.step_logits.transpose(0, 1)
    found = [early_exit(steps, pair.labels, confidence) for confidence in _CONFIDENCES]
    return tuple((each.confidence, each.steps, each.accuracy) for each in found)


def _notes(pair: Pair, steady: bool) -> tuple[str, ...]:
    notes = []
    if not steady:
        notes.append(
            "it gave other outputs when it saw the first samples again: it keeps a state between calls that is not"
            " reset (reset it in loop=), or draws random numbers"
        )
    if pair.pairing is not None and (floats := [row.layer for row in pair.weights if row.is_float]):
        notes.append(f"{100 * float_share(pair.weights):.1f} % of the weights stay in float: {', '.join(floats)}")
    too_many = [row for row in pair.weights if row.declared_bits is not None and row.found_bits > row.declared_bits]
    notes += [f"{row.layer} holds {row.found_bits} bits; {row.declared_bits} were declared" for row in too_many]
    unused = [row.layer for row in pair.weights if row.declared_bits is not None and row.found_bits < row.declared_bits]
    if unused:
        notes.append(f"fewer levels than the declared bits allow in layer {', '.join(unused)}")
    return tuple(notes)
