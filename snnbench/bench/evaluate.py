"""Running a network over the test set: its logits, its firing, and its synaptic operations."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from snnbench.bench.batches import Images, Labels, Normalise, evaluation_batches
from snnbench.bench.reporting import Advance
from snnbench.data import write_cache
from snnbench.errors import RecordError
from snnbench.functional import FiringProfile
from snnbench.functional.costs import Operations
from snnbench.nn import record_firing, record_operations

DIGEST_BYTES = 32


@dataclass(frozen=True)
class Evaluation:
    """What a network did on the test set: logits (N, classes) float32, and exact counts of spikes and operations."""

    logits: Tensor
    profile: FiringProfile
    operations: Operations

    @property
    def predictions(self) -> Tensor:
        """Predicted classes (N,) int64; the lowest class wins a tie."""
        return self.logits.argmax(1)

    def save(self, path: Path) -> None:
        """Write the evaluation into the cache as a SHA-256 and safetensors.

        Raises:
            DataError: if the cache cannot be written.
        """
        content = self.to_bytes()
        write_cache(path, [hashlib.sha256(content).digest(), content])

    @classmethod
    def load(cls, path: Path) -> Evaluation:
        """Read what `save` wrote.

        Raises:
            OSError: if the file cannot be read.
            RecordError: if it is not what was written.
        """
        stored = path.read_bytes()
        content = stored[DIGEST_BYTES:]
        if hashlib.sha256(content).digest() != stored[:DIGEST_BYTES]:
            raise RecordError(f"'{path}' is damaged: its content is not that of its SHA-256")
        return cls.from_bytes(content)

    def to_bytes(self) -> bytes:
        """The evaluation as safetensors."""
        return save({"logits": self.logits, **self.operations.to_tensors(), **self.profile.to_tensors()})

    @classmethod
    def from_bytes(cls, content: bytes) -> Evaluation:
        """Read what `to_bytes` gave."""
        tensors = load(content)
        operations = Operations.from_tensors(tensors)
        firing = {key: value for key, value in tensors.items() if key[:1].isdigit()}
        return cls(tensors["logits"], FiringProfile.from_tensors(firing), operations)


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


def accuracy(model: nn.Module, images: Images, labels: Labels, normalise: Normalise, batch_size: int) -> float:
    """Fraction of `images` that `model` classifies as `labels` say."""
    found = evaluate(model, images, normalise, batch_size, lambda done, total: None).predictions
    return float((found == torch.from_numpy(labels)).double().mean())
