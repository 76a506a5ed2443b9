"""The costs of a cell, one table: operations, neuron updates, memory, and the energy proxy.

A cost model is one entry. The ones of before there was a table lie in the record's `Cost`, all others in its `costs`,
and so do those of plugins that a protocol names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from torch import Tensor, nn

from snnbench.bench.score import measured
from snnbench.errors import ProtocolError
from snnbench.functional import FiringProfile, jackknife
from snnbench.functional.costs import Energy, OperationKind, Operations, energy_proxy, synaptic_operations
from snnbench.functional.energy import CostOf, Work, picojoule, work_at
from snnbench.nn.loads import neuron_load
from snnbench.nn.synapses import branches, fan_out, weight_layers
from snnbench.nn.walk import named_modules
from snnbench.plugins import PluginEntry, catalogue
from snnbench.protocols.document import EvaluationRules
from snnbench.records.evaluation import Evaluation
from snnbench.records.record import Audit, Cost, CostRow, MembraneRow, Record, WeightRow
from snnbench.records.score import Score


class CountedOutcome(Protocol):
    """What a network did on the test set, as far as costs need it."""

    @property
    def operations(self) -> Operations:
        """Synaptic operations."""

    @property
    def profile(self) -> FiringProfile:
        """Spike counts."""


@dataclass(frozen=True)
class Costed:
    """What costs are computed from."""

    outcome: CountedOutcome
    reference: CountedOutcome
    audit: Audit

    @property
    def macs(self) -> float:
        """Multiply-accumulates an image, of the layers whose input is real numbers."""
        operations = self.outcome.operations
        return sum(dense for name, dense in operations.per_image("dense").items() if _takes_numbers(operations, name))

    @property
    def busiest(self) -> tuple[str, float]:
        """The layer with most events, and its events an image."""
        return max(self.outcome.operations.per_image("events").items(), key=lambda layer: layer[1])

    @property
    def energy(self) -> Energy:
        """The 45 nm proxy."""
        return energy_proxy(self.macs, self.outcome.operations.total("accumulates"))

    @property
    def neuron_updates(self) -> int:
        """Neurons times steps."""
        profile = self.outcome.profile
        return profile.timesteps * sum(layer.neurons for layer in profile.layers.values())

    @property
    def memory(self) -> int:
        """Bits of packed weights, parameters in full precision, and membrane states."""
        rows = (*self.audit.membranes, *self.audit.own_membranes)
        quantized = {row.layer: row.state_bits for row in rows}
        layers = self.outcome.profile.layers
        states = sum(quantized.get(name, 32 * layer.neurons) for name, layer in layers.items())
        return self.audit.packed_bits + self.audit.float_bits + states


@dataclass(frozen=True)
class CostView:
    """How a cost is shown.

    Attributes:
        name: in records.
        title: what it is, in words, with the unit of what is shown.
        scale: what a value is multiplied by to be shown.
        format: of the value that is shown.
    """

    name: str
    title: str
    scale: float
    format: str

    def text(self, value: float | None) -> str:
        """A value as it is shown."""
        return "failed" if value is None else f"{self.scale * value:{self.format}}"

    def of(self, record: Record) -> Score | None:
        """The record's score, if it has one."""
        found = getattr(record.cost, self.name, None) if self.name in Cost.model_fields else record.costs.get(self.name)
        return Score(value=found) if isinstance(found, int | float) else found


@dataclass(frozen=True)
class CostModel(CostView):
    """A cost of an image, in the mean: the value, with its interval where there is one."""

    compute: Callable[[Costed], Score | float]


_MILLIONTH = 1e-6
_KIB = 1 / 8192

COSTS: dict[str, CostModel] = {
    model.name: model
    for model in (
        CostModel("events", "synaptic events, millions", _MILLIONTH, ".2f", lambda c: _mean(c.outcome, "events")),
        CostModel(
            "reference_events",
            "synaptic events of the reference, millions",
            _MILLIONTH,
            ".2f",
            lambda c: _mean(c.reference, "events"),
        ),
        CostModel("accumulates", "accumulates, millions", _MILLIONTH, ".2f", lambda c: _mean(c.outcome, "accumulates")),
        CostModel("macs", "multiply-accumulates, millions", _MILLIONTH, ".2f", lambda c: c.macs),
        CostModel("dense", "all synapses, millions", _MILLIONTH, ".2f", lambda c: c.outcome.operations.total("dense")),
        CostModel("busiest_events", "events of the busiest layer, millions", _MILLIONTH, ".2f", lambda c: c.busiest[1]),
        CostModel("neuron_updates", "neuron updates, millions", _MILLIONTH, ".2f", lambda c: c.neuron_updates),
        CostModel("memory_bits", "memory (weights, parameters, membranes), KiB", _KIB, ".1f", lambda c: c.memory),
        CostModel(
            "fixed_picojoule",
            "energy of multiply-accumulates, 45 nm proxy, microjoules",
            _MILLIONTH,
            ".1f",
            lambda c: c.energy.fixed,
        ),
        CostModel(
            "event_picojoule",
            "energy of accumulates, 45 nm proxy, microjoules",
            _MILLIONTH,
            ".1f",
            lambda c: c.energy.events,
        ),
    )
}
"""Every cost by name, in the order in which it is shown."""


def cost_of(model: nn.Module, costed: Costed) -> Cost:
    """What running `model` takes."""
    return cost_from(costed, cost_rows(model, costed.outcome.operations, costed.outcome.profile))


def cost_from(costed: Costed, layers: tuple[CostRow, ...]) -> Cost:
    """The same from counts alone, without the model; `layers` are taken as they are."""
    found = {name: model.compute(costed) for name, model in COSTS.items() if name in Cost.model_fields}
    return Cost.model_validate({**found, "busiest_layer": costed.busiest[0], "layers": layers})


def costs_from(costed: Costed) -> dict[str, Score]:
    """The costs that have no place in `Cost`; one that cannot be measured is null, with its reason."""
    added = (model for name, model in COSTS.items() if name not in Cost.model_fields)
    return {model.name: measured(partial(model.compute, costed)) for model in added}


def cost_views(record: Record) -> tuple[CostView, ...]:
    """How the costs of the record are shown: those of the table, then those of plugins, which are picojoules."""
    added = (name for name in record.costs if name not in COSTS)
    return (*COSTS.values(), *(CostView(name, f"{name}, nanojoules", 1e-3, ".1f") for name in added))


def find_costs(rules: EvaluationRules) -> dict[str, PluginEntry[CostOf]]:
    """The costs of plugins that a protocol asks for, by name.

    Raises:
        ProtocolError: if one is called as a cost that every record has.
        PluginError: if nobody offers one.
    """
    if taken := [name for name in rules.costs if name in COSTS]:
        raise ProtocolError(f"the protocol asks for cost '{taken[0]}', which every record has; leave it out")
    return {name: catalogue().costs[name] for name in rules.costs}


def asked_costs(
    asked: Mapping[str, PluginEntry[CostOf]], model: nn.Module, evaluation: Evaluation, audit: Audit
) -> dict[str, Score]:
    """Costs of plugins, in picojoule an image; one that cannot be measured is null, with its reason."""
    if not asked:
        return {}
    work = _work_of(model, evaluation, audit)
    return {name: measured(partial(picojoule, name, entry.value, work)) for name, entry in asked.items()}


def _work_of(model: nn.Module, evaluation: Evaluation, audit: Audit) -> Work:
    modules, profile = named_modules(model), evaluation.profile
    sent = {name: int(layer.counts.sum()) / profile.samples for name, layer in profile.layers.items()}
    neurons = {
        name: neuron_load(modules[name], layer.neurons, profile.timesteps, sent[name])
        for name, layer in profile.layers.items()
    }
    assert evaluation.synapses is not None
    weights, membranes = (*audit.weights, *audit.own_weights), (*audit.membranes, *audit.own_membranes)
    return work_at(evaluation.synapses, neurons, _found_bits(weights), _found_bits(membranes))


def _found_bits(rows: Iterable[WeightRow | MembraneRow]) -> dict[str, int]:
    return {row.layer: row.found_bits for row in rows}


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


def _mean(outcome: CountedOutcome, kind: OperationKind) -> Score:
    return measured(lambda: jackknife(lambda some: some.total(kind), outcome.operations, bounds=(0, float("inf"))))
