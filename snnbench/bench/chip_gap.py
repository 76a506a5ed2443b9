"""The chip gap: the network of whole numbers against the same quantized network with float states, image by image."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from snnbench.bench.bench import Bench
from snnbench.bench.score import measured
from snnbench.chips import OnChip, Semantics, on_chip
from snnbench.chips.fast import fast_form
from snnbench.chips.network import IntegerNetwork
from snnbench.engine import engine_form
from snnbench.functional import (
    FiringProfile,
    accuracy_change,
    firing_drift,
    firing_emd,
    jackknife,
    mcnemar_test,
    wilson_interval,
)
from snnbench.functional.profile import SHARDS, LayerFiring
from snnbench.functional.spikes import count_by_shard
from snnbench.nn.recording import spiking_layers
from snnbench.records.cell import ChipSpec
from snnbench.records.chip import ChipExcess, ChipGap, ChipLayer
from snnbench.records.evaluation import Evaluation
from snnbench.reporting import Reporter
from snnbench.training.batches import evaluation_batches


class Differences:
    """Spikes that differ, by layer, step and shard of the images, and the firing of the network of whole numbers."""

    def __init__(self, layers: list[str], timesteps: int) -> None:
        self.differing = {name: torch.zeros(SHARDS, timesteps, dtype=torch.int64) for name in layers}
        self.several = dict.fromkeys(layers, 0)
        self.firing: dict[str, LayerFiring] = {}
        self.predictions: list[Tensor] = []
        self.images = 0

    def add(self, name: str, whole: Tensor, real: Tensor) -> None:
        """A batch of one layer: spikes (T, N, *features) of both networks."""
        fired = whole > 0
        shards = (self.images + torch.arange(whole.shape[1])) % SHARDS
        each = (fired != (real > 0)).flatten(2).sum(2)
        self.differing[name].index_add_(0, shards, each.T)
        self.several[name] += int((whole > 1).sum())
        if name not in self.firing:
            self.firing[name] = LayerFiring.empty(whole.shape[2:], len(whole), SHARDS, whole.device)
        into = self.firing[name]
        count_by_shard(fired.to(torch.uint8), name, self.images, into.counts, into.steps, into.samples)

    def share(self) -> Share:
        """All layers together, by shard."""
        profile = FiringProfile(self.firing)
        places = sum(layer.counts[0].numel() * layer.timesteps for layer in self.firing.values())
        differing = torch.stack([each.sum(1) for each in self.differing.values()]).sum(0)
        return Share(differing, profile.samples_per_shard, places)

    def first(self) -> tuple[str | None, int | None]:
        """Where in running order the first spike differs."""
        for name, differing in self.differing.items():
            steps = differing.sum(0).nonzero().flatten()
            if len(steps):
                return name, int(steps[0])
        return None, None


@dataclass(frozen=True)
class Share:
    """Spikes that differ by shard (K,), images of each shard, and places of an image: its neurons and steps."""

    differing: Tensor
    samples_per_shard: Tensor
    places: int

    def value(self) -> float:
        """Part of all places where the networks differ."""
        return float(self.differing.sum()) / (self.places * int(self.samples_per_shard.sum()))

    def leave_one_out(self) -> Iterator[Share]:
        """The same without each shard that has images."""
        for shard in self.samples_per_shard.nonzero().flatten():
            kept = torch.arange(len(self.samples_per_shard)) != shard
            yield Share(self.differing[kept], self.samples_per_shard[kept], self.places)


def put_on_chip(bench: Bench, model: nn.Module, chip: ChipSpec, reporter: Reporter) -> OnChip:
    """The quantized network on a chip; tells what the chip cannot hold before anything runs."""
    put = on_chip(model, Semantics.model_validate(chip.semantics), input_shape=bench.network.input_shape)
    for excess in put.excess:
        reporter.say(f"On {chip.name}, {excess}")
    return put


def chip_gap(bench: Bench, model: nn.Module, put: OnChip, evaluation: Evaluation, reporter: Reporter) -> ChipGap:
    """Run both networks over the test set; `evaluation` is that of the quantized network with float states."""
    _, labels = bench.test_set()
    network = fast_form(put.network, bench.network.input_shape)
    found = _compare(bench, model, network, reporter)
    right = torch.cat(found.predictions) == torch.from_numpy(labels)
    before = evaluation.predictions == torch.from_numpy(labels)
    pair = FiringProfile(found.firing), evaluation.profile
    layer, step = found.first()
    return ChipGap(
        accuracy=measured(lambda: wilson_interval(int(right.sum()), len(right))),
        accuracy_change=measured(lambda: accuracy_change(right, before)),
        mcnemar_p=measured(lambda: mcnemar_test(right, before).p_value),
        firing_emd=measured(lambda: jackknife(firing_emd, *pair, bounds=(0, 1))),
        firing_drift=measured(lambda: jackknife(firing_drift, *pair, bounds=(0, 1))),
        spikes_differ=measured(lambda: jackknife(Share.value, found.share(), bounds=(0, 1))),
        first_layer=layer,
        first_step=step,
        silent=tuple(name for name, firing in found.firing.items() if not firing.counts.any()),
        excess=tuple(ChipExcess(**vars(excess)) for excess in put.excess),
        layers=_rows(found, network, *pair),
    )


def _rows(
    found: Differences, network: IntegerNetwork, mine: FiringProfile, theirs: FiringProfile
) -> tuple[ChipLayer, ...]:
    rates, floats = mine.rates(), theirs.rates()
    return tuple(
        ChipLayer(
            layer=name,
            firing_rate=float(rates[name].mean()),
            float_rate=float(floats[name].mean()),
            spikes_differ=float(differing.sum()) / (rates[name].numel() * mine.layers[name].timesteps * mine.samples),
            firing_emd=float(firing_emd(rates[name], floats[name])),
            several=found.several[name],
            overflows=network.overflows[name],
        )
        for name, differing in found.differing.items()
    )


def _compare(bench: Bench, model: nn.Module, network: IntegerNetwork, reporter: Reporter) -> Differences:
    images, _ = bench.test_set()
    fast = engine_form(model, bench.evaluation_engine).eval()
    found = Differences([layer.name for layer in network.layers], network.timesteps)
    with (
        reporter.task(f"On {network.chip.name}") as advance,
        _watched(fast) as real,
        torch.inference_mode(),
    ):
        network.watch = lambda name, whole: found.add(name, whole, real.pop(name))
        for batch in evaluation_batches(images, bench.normalise, bench.protocol.evaluate.batch_size):
            fast(batch)
            found.predictions.append(network(batch).argmax(1))
            found.images += len(batch)
            advance(found.images, len(images))
    return found


@contextmanager
def _watched(model: nn.Module) -> Iterator[dict[str, Tensor]]:
    """The spikes (T, N, *features) of each spiking layer as they are fired, by name."""
    spikes: dict[str, Tensor] = {}
    handles = [
        layer.register_forward_hook(lambda _, __, fired, name=name: spikes.__setitem__(name, fired))
        for name, layer in spiking_layers(model).items()
    ]
    try:
        yield spikes
    finally:
        for handle in handles:
            handle.remove()
