"""Running a network over the test set: its logits, its firing, and its synaptic operations."""

from __future__ import annotations

from contextlib import ExitStack

import torch
from torch import nn

from snnbench.data.content import Images, Labels
from snnbench.nn import record_firing, record_operations
from snnbench.nn.loads import LoadRecorder, record_loads
from snnbench.nn.steps import record_steps
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
    by_step: bool = False,
    loads: bool = False,
) -> Evaluation:
    """Run `model` in evaluation mode over `images` (N, C, H, W) uint8; sample i is the i-th image.

    What it does at each step for each image is noted if it is asked for `by_step`, and what its layers are asked for
    with `loads`: it takes time.
    """
    model.to(device).eval()
    logits = []
    with ExitStack() as stack:
        recorder = stack.enter_context(record_firing(model))
        operations = stack.enter_context(record_loads(model) if loads else record_operations(model))
        steps = stack.enter_context(record_steps(model)) if by_step else None
        stack.enter_context(torch.inference_mode())
        for batch in evaluation_batches(images, normalise, batch_size):
            logits.append(model(batch.to(device)).float().cpu())
            if steps:
                steps.add(logits[-1])
            advance(recorder.next_sample, len(images))
    return Evaluation(
        torch.cat(logits),
        recorder.profile().to("cpu"),
        operations.operations(),
        steps.step_logits() if steps else None,
        steps.events() if steps else None,
        synapses=operations.synapses(len(images)) if isinstance(operations, LoadRecorder) else None,
    )


@torch.inference_mode()
def accuracy(
    model: nn.Module, images: Images, labels: Labels, normalise: Normalise, batch_size: int, device: str = "cpu"
) -> float:
    """Fraction of `images` that `model`, spiking or not, classifies as `labels` say."""
    model.to(device).eval()
    batches = evaluation_batches(images, normalise, batch_size)
    with torch.no_grad():
        found = torch.cat([model(batch.to(device)).argmax(1).cpu() for batch in batches])
    return float((found == torch.from_numpy(labels)).double().mean())
