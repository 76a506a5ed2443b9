"""A closer look at a network: beside its reference, spike by spike, and at the range of its membranes."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

import torch
from torch import nn

from snnbench.data.content import Images
from snnbench.functional.pairing import Pairing
from snnbench.nn.capture import PackedCapture, spiking_modules
from snnbench.quant.potentials import PotentialRange
from snnbench.records.evaluation import Evaluation
from snnbench.reporting import Advance
from snnbench.training.batches import Normalise, evaluation_batches

CLOSER = frozenset({"distances", "latencies", "potentials"})
"""What of an `Evaluation` takes a closer look."""


@torch.inference_mode()
def look_closer(
    evaluation: Evaluation,
    pair: tuple[nn.Module, nn.Module],
    images: Images,
    normalise: Normalise,
    batch_size: int,
    advance: Advance,
    device: str,
) -> Evaluation:
    """The evaluation with distances, latencies and potentials of a network, first of `pair`, beside its reference.

    Both run once more over `images` (N, C, H, W) uint8, layer by layer in PyTorch, where potentials can be seen.
    """
    pairing, done = Pairing(), 0
    mine, reference = (model.to(device).eval() for model in pair)
    with ExitStack() as stack:
        potentials = stack.enter_context(PotentialRange(mine))
        spikes, theirs = (
            stack.enter_context(PackedCapture(spiking_modules(model, None))) for model in (mine, reference)
        )
        for batch in evaluation_batches(images, normalise, batch_size):
            for model in (mine, reference):
                model(batch.to(device))
            pairing.add(spikes.take_packed(len(batch)), theirs.take_packed(len(batch)))
            done += len(batch)
            advance(done, len(images))
    return replace(
        evaluation,
        distances=torch.stack(list(pairing.distances().values())).sum(0).float(),
        latencies=torch.stack(list(pairing.latency_shifts().values())).sum(0),
        potentials=torch.tensor(list(potentials.found().values()), dtype=torch.float32).reshape(-1, 2),
    )
