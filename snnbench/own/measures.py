"""The report card: what is measured of a network against its reference, each with its interval."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import inf

import torch
from torch import Tensor

from snnbench.bench.metric import Quantity
from snnbench.bench.metrics import FIRING_DRIFT, FIRING_EMD, METRICS
from snnbench.errors import FiringError
from snnbench.functional import (
    DEAD_BELOW,
    Estimate,
    FiringProfile,
    Paired,
    accuracy_change,
    dead_fraction,
    emd_interval,
    firing_drift,
    jackknife,
    mcnemar_test,
    mean_shift,
    saturated_fraction,
    silent_fraction,
    wilson_interval,
)
from snnbench.functional.confidence import brier_scores, expected_calibration_error, log_likelihoods
from snnbench.functional.costs import OperationKind, energy_proxy
from snnbench.functional.decisions import disagreeing, flipped
from snnbench.functional.energy import CostOf, Work, memory_energy, picojoule, work_at
from snnbench.functional.load import PeakLoad, peak_load, state_bits
from snnbench.functional.mismatch import reduce_mismatch
from snnbench.functional.pairing import Pairing
from snnbench.functional.samples import Samples, estimate_statistic
from snnbench.functional.steps import agreeing_by_step, area_under_steps, correct_by_step, exits
from snnbench.own.outcome import Outcome
from snnbench.own.weights import WeightBits, float_share

CONFIDENCE = 0.9
"""Softmax probability at which the early-exit measures stop a sample."""

FRACTION_STEP = 1 / 256
"""Unit of a membrane's fixed-point number, in thresholds, for which the bits needed are told."""

Reading = Estimate | float
"""What is measured: with its interval where it has one."""


@dataclass(frozen=True)
class Pair:
    """What a network and its reference did on the same samples.

    Attributes:
        mine: the network's outcome.
        reference: the reference's.
        labels: right classes, int64 (N,), or None.
        pairing: their spikes, compared one by one; None where there is nothing to compare with.
        weights: the bits of the network's weights.
        limit: events that a chip's layer may send in a step, or None.
    """

    mine: Outcome
    reference: Outcome
    labels: Tensor | None
    pairing: Pairing | None
    weights: tuple[WeightBits, ...]
    limit: int | None = None

    @cached_property
    def right(self) -> Tensor:
        """Whether the network is right, bool (N,)."""
        return self.mine.logits.argmax(1) == self.known_labels

    @cached_property
    def reference_right(self) -> Tensor:
        """Whether the reference is right, bool (N,)."""
        return self.reference.logits.argmax(1) == self.known_labels

    @cached_property
    def paired(self) -> Paired:
        """Both networks' firing, shard by shard."""
        return Paired(self.mine.profile, self.reference.profile)

    @cached_property
    def peak(self) -> PeakLoad:
        """The busiest layer and step."""
        return peak_load(self.mine.events, self.limit)

    @cached_property
    def work(self) -> Work:
        """What the network was asked for, at the bits found."""
        weights = {row.layer: row.found_bits for row in self.weights}
        return work_at(self.mine.synapses, self.mine.neurons, weights, self.mine.state_bits)

    @property
    def known_labels(self) -> Tensor:
        """The right classes; a FiringError if they were not given."""
        if self.labels is None:
            raise FiringError("labels were not given; pass batches of (images, labels), or labels=")
        return self.labels

    @property
    def known_pairing(self) -> Pairing:
        """The comparison; a FiringError if this is the reference itself."""
        if self.pairing is None:
            raise FiringError("this is the reference itself")
        return self.pairing

    def mean_of(self, rows: Tensor, bounds: tuple[float, float]) -> Estimate:
        """Mean over samples of `rows` (N,)."""
        return estimate_statistic(lambda s: s["x"].mean(), Samples({"x": rows.double()}), bounds)

    def steps(self, outcome: Outcome) -> Tensor:
        """Outputs at each step (T, N, classes); a FiringError if the network does not show them."""
        if outcome.step_logits is None:
            raise FiringError("the network does not show its outputs at each step")
        return outcome.step_logits.transpose(0, 1)

    def per_step(self, found: Estimate) -> Estimate:
        """A rate or a distance of the profile, which are per substep, in spikes per step."""
        substeps = self.mine.substeps
        return Estimate(found.value * substeps, found.low * substeps, found.high * substeps)

    def of_profile(self, statistic: Callable[[FiringProfile], float | Tensor]) -> Estimate:
        """A statistic in [0, 1] of the network's firing."""
        return jackknife(statistic, self.mine.profile, bounds=(0, 1))


@dataclass(frozen=True)
class Measure(Quantity):
    """One line of the card.

    Attributes:
        of: how it is measured; a FiringError says why it cannot be.
        compares: whether it needs a reference, and is left out of the reference's own column.
    """

    of: Callable[[Pair], Reading]
    compares: bool = False


def _metric(name: str, of: Callable[[Pair], Reading], compares: bool = False) -> Measure:
    """What protocols may ask for too is shown here as on boards."""
    metric = METRICS[name]
    return Measure(name, metric.title, metric.unit, metric.scale, metric.format, of, compares)


def _area(by_step: Tensor) -> Estimate:
    """Area under the mean over samples of what holds after each step, bool (T, N)."""
    return estimate_statistic(
        lambda seen: area_under_steps(seen["holds"].double().mean(0)), Samples({"holds": by_step.T}), (0, 1)
    )


def _exits(pair: Pair) -> tuple[Tensor, Tensor, Tensor]:
    return exits(pair.steps(pair.mine), pair.known_labels, CONFIDENCE)


def _calibration(pair: Pair) -> Estimate:
    rows = Samples({"logits": pair.mine.logits, "labels": pair.known_labels})
    return estimate_statistic(lambda s: expected_calibration_error(s["logits"], s["labels"]), rows, (0, 1))


def _flips(pair: Pair, negative: bool) -> Estimate:
    lost, gained = flipped(pair.mine.logits, pair.reference.logits, pair.known_labels)
    return pair.mean_of(lost if negative else lost | gained, (0, 1))


def _van_rossum(pair: Pair) -> Estimate:
    neurons = sum(load.neurons for load in pair.mine.neurons.values())
    distances = torch.stack(list(pair.known_pairing.distances().values())).sum(0) / neurons
    return pair.mean_of(distances, (0, inf))


def _latency(pair: Pair) -> Estimate:
    shifts = torch.stack(list(pair.known_pairing.latency_shifts().values())).sum(0)
    return estimate_statistic(lambda seen: mean_shift(seen["shifts"]), Samples({"shifts": shifts}))


def _over_limit(pair: Pair) -> float:
    if pair.peak.over_limit is None:
        raise FiringError("no limit of events a layer and step was given: limit=")
    return pair.peak.over_limit


def _membrane_bits(pair: Pair) -> float:
    if not pair.mine.potentials:
        raise FiringError("the network's neurons do not show their potentials")
    return max(state_bits(low, high, FRACTION_STEP) for low, high in pair.mine.potentials.values())


def _found_state_bits(pair: Pair) -> float:
    if not pair.mine.state_bits:
        raise FiringError("the network's neurons do not show their potentials")
    return max(pair.mine.state_bits.values())


def _dead(pair: Pair) -> Estimate:
    return pair.of_profile(lambda profile: dead_fraction(profile, DEAD_BELOW / pair.mine.substeps))


def _operations(pair: Pair, kind: OperationKind) -> Estimate:
    return jackknife(lambda some: some.total(kind), pair.mine.operations, bounds=(0, inf))


def _energy(pair: Pair) -> Estimate:
    operations = pair.mine.operations
    real = [name for name, macs in operations.per_image("macs").items() if macs]
    fixed = sum(operations.per_image("dense")[name] for name in real)
    additions = _operations(pair, "accumulates")
    return Estimate(*(_nanojoule(fixed, each) for each in (additions.value, additions.low, additions.high)))


def _nanojoule(macs: float, accumulates: float) -> float:
    energy = energy_proxy(macs, accumulates)
    return (energy.fixed + energy.events) / 1000


def own_cost(name: str, of: CostOf) -> Measure:
    """A line of the card for a cost that is not in the table."""
    return Measure(name, name, "nJ", 1, ".1f", lambda pair: picojoule(name, of, pair.work) / 1000)


MEASURES: tuple[Measure, ...] = (
    _metric("accuracy", lambda p: wilson_interval(int(p.right.sum()), len(p.right))),
    _metric("accuracy_change", lambda p: accuracy_change(p.right, p.reference_right), compares=True),
    _metric("mcnemar_p", lambda p: mcnemar_test(p.right, p.reference_right).p_value, compares=True),
    _metric("agreement", lambda p: p.mean_of(~disagreeing(p.mine.logits, p.reference.logits), (0, 1)), compares=True),
    _metric("flips", lambda p: _flips(p, negative=False), compares=True),
    _metric("negative_flips", lambda p: _flips(p, negative=True), compares=True),
    _metric(FIRING_EMD.name, lambda p: p.per_step(emd_interval(p.paired)), compares=True),
    Measure("null_p", "EMD, p of the paired null", "", 1, ".4f", lambda p: p.paired.null().p_value, compares=True),
    _metric(
        FIRING_DRIFT.name,
        lambda p: p.per_step(jackknife(firing_drift, p.mine.profile, p.reference.profile, bounds=(0, 1))),
        compares=True,
    ),
    Measure(
        "spike_mismatch", "spikes that differ", "%", 100, ".2f", lambda p: _mismatch(p.known_pairing), compares=True
    ),
    _metric("van_rossum", _van_rossum, compares=True),
    _metric("latency_shift", _latency, compares=True),
    _metric("firing_rate", lambda p: p.per_step(p.of_profile(FiringProfile.mean_rate))),
    _metric("dead_fraction", _dead),
    Measure("silent_fraction", "silent", "%", 100, ".1f", lambda p: p.of_profile(silent_fraction)),
    _metric("saturated_fraction", lambda p: p.of_profile(saturated_fraction)),
    _metric("accuracy_area", lambda p: _area(correct_by_step(p.steps(p.mine), p.known_labels))),
    _metric("agreement_area", lambda p: _area(agreeing_by_step(p.steps(p.mine), p.steps(p.reference))), compares=True),
    _metric("exit_steps", lambda p: p.mean_of(_exits(p)[0], (1, inf))),
    _metric("exit_accuracy", lambda p: p.mean_of(_exits(p)[1], (0, 1))),
    _metric("calibration_error", _calibration),
    _metric("nll", lambda p: p.mean_of(log_likelihoods(p.mine.logits, p.known_labels), (0, inf))),
    _metric("brier", lambda p: p.mean_of(brier_scores(p.mine.logits, p.known_labels), (0, 2))),
    Measure("events", "synaptic events an image", "", 1, ".0f", lambda p: _operations(p, "events")),
    Measure("energy", "45 nm proxy an image", "nJ", 1, ".1f", _energy),
    Measure("memory_energy", "with memory, Lemaire 2022", "nJ", 1, ".1f", lambda p: memory_energy(p.work) / 1000),
    _metric("peak_events", lambda p: p.peak.events),
    _metric("peak_events_p99", lambda p: p.peak.p99),
    _metric("over_limit", _over_limit),
    _metric("membrane_bits", _membrane_bits),
    Measure("found_state_bits", "membrane bits found", "bits", 1, ".0f", _found_state_bits),
    Measure("found_bits", "bits found", "bits", 1, ".0f", lambda p: max(_quantized(p), default=32)),
    Measure("float_share", "weights in float", "%", 100, ".1f", lambda p: float_share(p.weights)),
    Measure(
        "weight_bytes", "weights, packed", "kB", 1, ".1f", lambda p: sum(row.packed_bits for row in p.weights) / 8000
    ),
)


def _mismatch(pairing: Pairing) -> float:
    found = reduce_mismatch(pairing.mismatches, "weighted", "place")
    assert isinstance(found, float)
    return found


def _quantized(pair: Pair) -> list[int]:
    return [row.found_bits for row in pair.weights if not row.is_float]
