"""The chip gap: scores of a network of whole numbers against the same quantized network with float states."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from snnbench.bench.bench import Bench
from snnbench.bench.beside import GapCounter, compared
from snnbench.bench.score import measured, metrics_in, scores
from snnbench.bench.scored import Scored
from snnbench.chips import Semantics, on_chip
from snnbench.chips.fast import fast_form
from snnbench.functional import Estimate, firing_emd, jackknife
from snnbench.records.cell import ChipSpec
from snnbench.records.chip import ChipExcess, ChipGap, ChipLayer
from snnbench.records.chip_evidence import CHIP_EVIDENCE_FILE, ChipOutcome
from snnbench.reporting import Reporter

GAP_METRICS = tuple(metrics_in(ChipGap))
"""What a gap has of the metrics of networks; its reference is the network with float states."""


@dataclass(frozen=True)
class Share:
    """Counts by shard int64 (K,), images of each shard, and places of an image: its neurons and steps."""

    counts: Tensor
    samples_per_shard: Tensor
    places: int

    def value(self) -> float:
        """Part of all places that is counted."""
        return float(self.counts.sum()) / (self.places * int(self.samples_per_shard.sum()))

    def leave_one_out(self) -> Iterator[Share]:
        """The same without each shard that has images."""
        for shard in self.samples_per_shard.nonzero().flatten():
            kept = torch.arange(len(self.samples_per_shard)) != shard
            yield Share(self.counts[kept], self.samples_per_shard[kept], self.places)

    def estimate(self) -> Estimate:
        """The value with its interval."""
        return jackknife(Share.value, self, bounds=(0, 1))


@dataclass(frozen=True)
class ChipRun:
    """A quantized network on a chip: what the chip cannot hold, and what it does beside the network itself."""

    excess: tuple[ChipExcess, ...]
    comparison: GapCounter

    def beside(self, model: nn.Module) -> AbstractContextManager[None]:
        """Run the whole numbers on every batch that `model`, the network with float states, runs on."""
        return compared(self.comparison, model)

    def gap(self, found: Scored) -> ChipGap:
        """The gap, where `found` is of the network with float states."""
        outcome = self.comparison.outcome()
        return gap_of(outcome, replace(found, evaluation=outcome, reference=found.evaluation), self.excess)

    def files(self) -> dict[str, bytes]:
        """The evidence of the gap."""
        return {CHIP_EVIDENCE_FILE: self.comparison.outcome().to_bytes()}


def put_on_chip(bench: Bench, model: nn.Module, chip: ChipSpec, reporter: Reporter) -> ChipRun:
    """The quantized network on a chip; tells what the chip cannot hold before anything runs."""
    shape = bench.network.input_shape
    put = on_chip(model, Semantics.model_validate(chip.semantics), input_shape=shape)
    for excess in put.excess:
        reporter.say(f"On {chip.name}, {excess}")
    return ChipRun(tuple(ChipExcess(**vars(each)) for each in put.excess), GapCounter(fast_form(put.network, shape)))


def gap_of(outcome: ChipOutcome, found: Scored, excess: tuple[ChipExcess, ...]) -> ChipGap:
    """The gap of an outcome on the chip; `found` holds it as evaluation, and the one with float states as reference."""
    differing = torch.stack([layer.differing.sum(1) for layer in outcome.layers.values()]).sum(0)
    overflows = torch.stack([layer.overflows for layer in outcome.layers.values()]).sum(0)
    places = sum(layer.neurons * layer.timesteps for layer in outcome.profile.layers.values())
    layer, step = _first(outcome)
    return ChipGap(
        **scores(found, GAP_METRICS),
        spikes_differ=measured(Share(differing, outcome.samples, places).estimate),
        overflow=measured(Share(overflows, outcome.samples, places).estimate),
        first_layer=layer,
        first_step=step,
        silent=tuple(name for name, firing in outcome.profile.layers.items() if not firing.counts.any()),
        excess=excess,
        layers=_rows(outcome, found),
    )


def _first(outcome: ChipOutcome) -> tuple[str | None, int | None]:
    """Where in running order the first spike differs."""
    for name, layer in outcome.layers.items():
        steps = layer.differing.sum(0).nonzero().flatten()
        if len(steps):
            return name, int(steps[0])
    return None, None


def _rows(outcome: ChipOutcome, found: Scored) -> tuple[ChipLayer, ...]:
    rates, floats = outcome.profile.rates(), found.reference.profile.rates()
    images = int(outcome.samples.sum())
    return tuple(
        ChipLayer(
            layer=name,
            firing_rate=float(rates[name].mean()),
            float_rate=float(floats[name].mean()),
            spikes_differ=float(layer.differing.sum()) / (rates[name].numel() * layer.differing.shape[1] * images),
            firing_emd=float(firing_emd(rates[name], floats[name])),
            several=int(layer.several.sum()),
            overflows=int(layer.overflows.sum()),
        )
        for name, layer in outcome.layers.items()
    )
