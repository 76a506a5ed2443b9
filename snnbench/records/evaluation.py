"""What a network did on the test set: its logits, its firing, and its synaptic operations."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load, save
from torch import Tensor

from snnbench.errors import RecordError
from snnbench.files import write_cache
from snnbench.functional import FiringProfile
from snnbench.functional.costs import Operations

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
