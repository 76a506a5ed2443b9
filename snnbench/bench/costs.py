"""The cost of a cell: operations, neuron updates, memory, and the energy proxy."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor, nn

from snnbench.bench.score import measured
from snnbench.functional import FiringProfile, jackknife
from snnbench.functional.costs import Kind, Operations, energy_proxy, synaptic_operations
from snnbench.nn.synapses import branches, fan_out, weight_layers
from snnbench.records.evaluation import Evaluation
from snnbench.records.record import Audit, Cost, CostRow
from snnbench.records.score import Score


class Counted(Protocol):
    """What a network did on the test set, as far as costs need it."""

    @property
    def operations(self) -> Operations:
        """Synaptic operations."""

    @property
    def profile(self) -> FiringProfile:
        """Spike counts."""


def cost_of(model: nn.Module, evaluation: Evaluation, reference: Evaluation, audit: Audit) -> Cost:
    """What running `model` takes, from what it did in `evaluation`."""
    return cost_from(evaluation, reference, audit, cost_rows(model, evaluation.operations, evaluation.profile))


def cost_from(outcome: Counted, reference: Counted, audit: Audit, layers: tuple[CostRow, ...]) -> Cost:
    """The same from counts alone, without the model; `layers` are taken as they are."""
    operations, profile = outcome.operations, outcome.profile
    events = operations.per_image("events")
    busiest = max(events, key=lambda name: events[name])
    macs = sum(dense for name, dense in operations.per_image("dense").items() if _takes_numbers(operations, name))
    energy = energy_proxy(macs, operations.total("accumulates"))
    return Cost(
        events=_estimate(operations, "events"),
        accumulates=_estimate(operations, "accumulates"),
        reference_events=_estimate(reference.operations, "events"),
        macs=macs,
        dense=operations.total("dense"),
        busiest_layer=busiest,
        busiest_events=events[busiest],
        neuron_updates=profile.timesteps * sum(layer.neurons for layer in profile.layers.values()),
        memory_bits=audit.packed_bits + audit.float_bits + _state_bits(profile, audit),
        fixed_picojoule=energy.fixed,
        event_picojoule=energy.events,
        layers=layers,
    )


def cost_rows(model: nn.Module, operations: Operations, profile: FiringProfile) -> tuple[CostRow, ...]:
    """One row a layer of synapses."""
    means = {kind: operations.per_image(kind) for kind in ("events", "accumulates", "macs", "dense")}
    layers, sources = weight_layers(model), branches(model)
    return tuple(
        CostRow(
            layer=name,
            branches=_branches(layers[name], sources.get(name, ()), profile),
            **{kind: values[name] for kind, values in means.items()},
        )
        for name in operations.layers
    )


def _branches(layer: nn.Module, sources: tuple[str, ...], profile: FiringProfile) -> dict[str, float]:
    counts: dict[str, Tensor] = {name: profile.layers[name].counts.sum(0) for name in sources}
    return {
        name: int(synaptic_operations(spikes, fan_out(layer, spikes.shape))) / profile.samples
        for name, spikes in counts.items()
    }


def _takes_numbers(operations: Operations, name: str) -> bool:
    return operations.per_image("macs")[name] > 0


def _state_bits(profile: FiringProfile, audit: Audit) -> int:
    quantized = {row.layer: row.state_bits for row in audit.membranes}
    return sum(quantized.get(name, 32 * layer.neurons) for name, layer in profile.layers.items())


def _estimate(operations: Operations, kind: Kind) -> Score:
    return measured(lambda: jackknife(lambda some: some.total(kind), operations, bounds=(0, float("inf"))))
