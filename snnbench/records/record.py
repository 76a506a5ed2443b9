"""The record of one finished cell, and where it lies."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, ValidationError

from snnbench.errors import RecordError
from snnbench.quant.packing import Codebook
from snnbench.records import layout
from snnbench.records.cell import Cell
from snnbench.records.chip import ChipGap
from snnbench.records.environment import Environment
from snnbench.records.schema import RecordPart, added
from snnbench.records.score import Score

SCHEMA_VERSION: Literal[1] = 1
RECORD_FILE = layout.RECORD_FILE


def _finite(rows: Iterable[Mapping[str, float | None]]) -> tuple[dict[str, float | None], ...]:
    """The rows of a training that may have diverged: JSON has no NaN, so what is not finite is null."""
    try:
        return tuple({k: v if v is not None and math.isfinite(v) else None for k, v in row.items()} for row in rows)
    except (TypeError, AttributeError, OverflowError) as error:  # read from a file, they may be anything
        raise ValueError("not a list of rows of numbers") from error


class LayerScores(RecordPart):
    """One spiking layer: neurons, rates of both networks, and how far apart they are."""

    layer: str
    neurons: int
    firing_rate: float
    reference_rate: float
    firing_emd: float
    firing_drift: float
    dead_fraction: float


class WeightRow(RecordPart):
    """One quantized weight tensor, as found in the network; see `snnbench.quant.audit.WeightAudit`."""

    layer: str
    weights: int
    levels: int
    found_bits: int
    declared_bits: int
    occupancy: float
    saturated: float
    codebook: Codebook
    packed_bits: int


class MembraneRow(RecordPart):
    """One quantized membrane, as visited; see `snnbench.quant.audit.MembraneAudit`."""

    layer: str
    levels: int
    found_bits: int
    declared_bits: int
    saturated: float
    state_bits: int
    stalled_below: float | None


class Audit(RecordPart):
    """What the quantized network really holds.

    Attributes:
        weights: a row each quantized weight.
        membranes: a row each quantized membrane.
        full_precision: layers whose weight is not quantized.
        found_bits: the most bits found in any quantized weight.
        packed_bits: size of all quantized weights with scales, bases and levels, in bits.
        float_bits: size of all other parameters and statistics, at 32 bits each.
        findings: what contradicts what was declared; empty if nothing does.
        warnings: what is declared rightly, and worth knowing.
        float_share: share of the weights in full precision, biases and batch norms aside; null in older records.
        own_weights: a row each weight that a network of one's own quantizes itself, or comes with quantized; nobody
            declared its bits, which stand as 32.
        own_membranes: a row each membrane that it quantizes itself.
    """

    weights: tuple[WeightRow, ...]
    membranes: tuple[MembraneRow, ...]
    full_precision: tuple[str, ...]
    found_bits: int
    packed_bits: int
    float_bits: int
    findings: tuple[str, ...]
    warnings: tuple[str, ...]
    float_share: float | None = added(None)
    own_weights: tuple[WeightRow, ...] = added(())
    own_membranes: tuple[MembraneRow, ...] = added(())


class CostRow(RecordPart):
    """Operations of one layer of synapses, in the mean an image; see `snnbench.functional.costs.Operations`.

    Attributes:
        branches: for a sum of several neurons' spikes, the accumulates that each neuron's spikes cause.
    """

    layer: str
    events: float
    accumulates: float
    macs: float
    dense: float
    branches: dict[str, float]


class Cost(RecordPart):
    """What running the network takes, in the mean an image.

    Attributes:
        events: synapses reached by inputs that are not zero.
        accumulates: the same, an input of k counted k times.
        reference_events: events of the full-precision network.
        macs: synapses of layers whose input is real numbers.
        dense: all synapses, each time they are run.
        busiest_layer: the layer with most events; a chip stalls on its busiest core.
        busiest_events: its events.
        neuron_updates: neurons times steps.
        memory_bits: packed weights, parameters in full precision, and membrane states.
        fixed_picojoule: 45 nm proxy of the multiply-accumulates (4.6 pJ each).
        event_picojoule: 45 nm proxy of the accumulates (0.9 pJ each).
        layers: a row each layer of synapses.
    """

    events: Score
    accumulates: Score
    reference_events: Score
    macs: float
    dense: float
    busiest_layer: str
    busiest_events: float
    neuron_updates: int
    memory_bits: int
    fixed_picojoule: float
    event_picojoule: float
    layers: tuple[CostRow, ...]


class Reference(RecordPart):
    """The full-precision network on the same images."""

    accuracy: Score
    firing_rate: Score
    dead_fraction: Score


class Null(RecordPart):
    """A firing EMD among those after random swaps of shards; see `snnbench.functional.PairedNull`."""

    p_value: float
    mean: float
    high: float
    swaps: int


class Reached(RecordPart):
    """EMD and drift over the spiking layers that quantization can reach, weighted by neurons.

    Attributes:
        layers: their names; the others fire as in the reference whatever a quantizer does after training.
    """

    layers: tuple[str, ...]
    firing_emd: Score
    firing_drift: Score


class Distance(RecordPart):
    """How far apart two networks fire on the same images, and whether that is more than chance."""

    firing_emd: Score
    firing_drift: Score
    paired_null: Null


class Control(RecordPart):
    """The same fine-tuning without quantization: what training alone does to accuracy and firing.

    Attributes:
        to_cell: from the control to the cell: what quantization did.
        to_other_seed: from the control to that of another seed of fine-tuning: what chance does to a training.
    """

    accuracy: Score
    firing_emd: Score
    firing_drift: Score
    to_cell: Distance | None = added(None)
    to_other_seed: Distance | None = added(None)


class Record(RecordPart):
    """The JSON record of one finished cell. Accuracy and rates are fractions; intervals are of 95 %.

    Attributes:
        noise_floor: split-half distance: EMD of the reference's firing on two halves of the images, which see different
            images and fewer of them; no test of a difference.
        paired_null: the EMD among those after random swaps of shards between network and reference.
        emd_intervals: version of how intervals of EMD are computed (`snnbench.functional.emd_interval`).
        reached: EMD and drift over the layers that quantization can reach.
        costs: by name, those that are no field of `cost`.
        cost_sources: the distribution and version of each of `costs` that a plugin brings.
        chip: what the cell's chip makes of the network; None where it has none.
        seed_floor: EMD between references of different seeds; None where it is not known: the protocol
            has one baseline, or the network is the user's own.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    key: str
    cell: Cell
    rankable: bool
    metrics: dict[str, Score]
    noise_floor: Score
    seed_floor: Score | None = added(None)
    paired_null: Null | None = added(None)
    emd_intervals: int = added(1)
    reached: Reached | None = added(None)
    layers: tuple[LayerScores, ...]
    audit: Audit
    cost: Cost
    costs: dict[str, Score] = added({})
    cost_sources: dict[str, str] = added({})
    reference: Reference
    control: Control | None
    chip: ChipGap | None = added(None)
    training_log: Annotated[tuple[Mapping[str, float | None], ...], BeforeValidator(_finite)]
    environment: Environment
    started: str
    seconds: float

    def to_json(self) -> str:
        """The record as JSON text, as it is written to disk."""
        return self.model_dump_json(indent=1) + "\n"

    def value(self, metric: str) -> float | None:
        """A metric's value, or None if it failed or was not asked for."""
        score = self.metrics.get(metric)
        return score.value if score else None


def read_record(path: Path) -> Record:
    """Read a record from its file or its directory.

    Raises:
        RecordError: if it is missing, damaged, of another schema version, or its key is not that of its cell.
    """
    file = path / RECORD_FILE if path.is_dir() else path
    try:
        record = Record.model_validate_json(file.read_bytes(), strict=True)
    except OSError as error:
        raise RecordError(f"record '{file}' cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "document"
        raise RecordError(f"record '{file}' is not valid ({where}: {first['msg']})") from error
    if record.key != record.cell.key:
        raise RecordError(f"record '{file}' is altered: its key is not that of its cell")
    return record


def to_json_array(records: list[Record]) -> str:
    """The records as one JSON array."""
    return json.dumps([json.loads(record.to_json()) for record in records], indent=1)
