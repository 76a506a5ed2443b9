"""Running a network over the test set: its logits, its firing, and its synaptic operations."""

from __future__ import annotations

import torch
from torch import nn

from snnbench.data.content import Images, Labels
from snnbench.nn import record_firing, record_operations
from snnbench.records.evaluation import Evaluation
from snnbench.reporting import Advance
from snnbench.training.batches import Normalise, evaluation_batches


def evaluate(
    model: nn.Module,
    images: Images,
    normalise: Normalise,
    batch_size: int,
    advance: Advance,
    device: str = "cpu",
) -> Evaluation:
    """Run `model` in evaluation mode over `images` (N, C, H, W) uint8; sample i is the i-th image."""
    model.to(device).eval()
    logits = []
    with record_firing(model) as recorder, record_operations(model) as operations, torch.inference_mode():
        for batch in evaluation_batches(images, normalise, batch_size):
            logits.append(model(batch.to(device)).float().cpu())
            advance(recorder.next_sample, len(images))
    return Evaluation(torch.cat(logits), recorder.profile().to("cpu"), operations.operations())


@torch.inference_mode()
def accuracy(model: nn.Module, images: Images, labels: Labels, normalise: Normalise, batch_size: int) -> float:
    """Fraction of `images` that `model`, spiking or not, classifies as `labels` say."""
    model.eval()
    found = torch.cat([model(batch).argmax(1) for batch in evaluation_batches(images, normalise, batch_size)])
    return float((found == torch.from_numpy(labels)).double().mean())
