"""The quantized network of a finished cell and its reference side by side on the same images."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from snnbench.bench.bench import Bench
from snnbench.examine.export import rebuild
from snnbench.functional.table import LayerRow, layer_table
from snnbench.metrics import Disagreement, Flips, NegativeFlips, OutputKL, ProfileEMD, SpikeMismatch
from snnbench.nn import record_firing
from snnbench.nn.capture import record_spikes
from snnbench.reporting import Reporter, Silent
from snnbench.training.batches import evaluation_batches

IMAGES = 500
"""Both networks see the first so many images of the test set."""

Spikes = dict[str, Tensor]


@dataclass(frozen=True)
class Behaviour:
    """How a quantized network behaves beside its reference, on the same images.

    Attributes:
        cell: name of the cell.
        images: number of images.
        outcomes: `spike_mismatch` over all places, and over those where either network fires (`..._fired`);
            `profile_emd` with its proven bounds; `disagreement`, `flips`, `negative_flips`; and the KL divergence of
            the outputs in nats (mean, median, 99th percentile, largest).
        layers: a row each layer, in network order.
        mismatch: `spike_mismatch` of each layer.
        first_diverging: the first layer that can be told from the reference's by these images, if there is one.
    """

    cell: str
    images: int
    outcomes: dict[str, float]
    layers: tuple[LayerRow, ...]
    mismatch: dict[str, float]
    first_diverging: str | None


def behaviour(path: Path, *, data: Path | None = None, reporter: Reporter | None = None) -> Behaviour:
    """Run the quantized network of a finished cell and its reference side by side on the first `IMAGES` test images.

    Args:
        path: directory of a finished cell or of a board's entry, or its ``record.json``.
        data: folder of the data sets.
        reporter: where messages and progress go; by default nowhere.

    Raises:
        RecordError: if the network cannot be built again; the message says why.
        ProtocolError: if another version of the protocol or of the quantizer is installed.
    """
    reporter = reporter or Silent()
    record, bench, model, _ = rebuild(path, data, reporter)
    pair = model, bench.network.build()
    by_layer = SpikeMismatch("none")
    spikes = {"spike_mismatch": SpikeMismatch(), "spike_mismatch_fired": SpikeMismatch(per="spike")}
    profile_emd, kl, disagreement = ProfileEMD(), OutputKL(), Disagreement()
    right = {"flips": Flips(), "negative_flips": NegativeFlips()}
    with record_firing(model) as mine, record_firing(pair[1]) as theirs:
        for fired, logits, labels in _side_by_side(bench, pair, reporter):
            for firing in (by_layer, profile_emd, *spikes.values()):
                firing.update(*fired)
            for outputs in (kl, disagreement):
                outputs.update(*logits)
            for decisions in right.values():
                decisions.update(*logits, labels)
    single = {**spikes, "disagreement": disagreement, **right}
    values = {name: metric.compute() for name, metric in single.items()} | profile_emd.compute() | kl.compute()
    rows, mismatch = tuple(layer_table(mine.profile(), theirs.profile())), by_layer.compute()
    assert isinstance(mismatch, dict)
    return Behaviour(
        record.cell.folder,
        mine.profile().samples,
        {name: float(value) for name, value in values.items()},
        rows,
        {name: float(value) for name, value in mismatch.items()},
        next((row.layer for row in rows if row.diverges), None),
    )


def _side_by_side(
    bench: Bench, pair: tuple[nn.Module, nn.Module], reporter: Reporter
) -> Iterator[tuple[tuple[Spikes, Spikes], tuple[Tensor, Tensor], Tensor]]:
    """Spikes and outputs of both networks on each batch, and the right classes."""
    images, labels = bench.test_set()
    images, size, done = images[:IMAGES], bench.protocol.evaluate.batch_size, 0
    with ExitStack() as stack, torch.inference_mode(), reporter.task("Side by side") as advance:
        mine, theirs = (stack.enter_context(record_spikes(model.eval())) for model in pair)
        for batch in evaluation_batches(images, bench.normalise, size):
            logits = pair[0](batch), pair[1](batch)
            yield (
                (mine.take(len(batch)), theirs.take(len(batch))),
                logits,
                torch.from_numpy(labels[done : done + len(batch)]).long(),
            )
            done += len(batch)
            advance(done, len(images))
