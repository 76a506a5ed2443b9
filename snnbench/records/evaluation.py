"""What a network did on the test set: its logits, its firing, and its synaptic operations."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load, save
from torch import Tensor

from snnbench.errors import RecordError
from snnbench.files import write_cache
from snnbench.functional import FiringProfile
from snnbench.functional.costs import Operations
from snnbench.functional.energy import SynapseLoad

DIGEST_BYTES = 32
EVENTS = "events/"

PAIRS = ("distances", "latencies", "potentials")
BY_IMAGE = ("logits", "step_logits", "events", *PAIRS)
"""What is known of every image, and of membranes, and kept as evidence where a metric needs it."""


@dataclass(frozen=True)
class Evaluation:
    """What a network did on the test set.

    Attributes:
        logits: its outputs, float32 (N, classes).
        profile: exact counts of spikes.
        operations: exact counts of synaptic operations.
        step_logits: outputs at each step, float32 (N, T, classes), where a metric needs them and the network shows
            them.
        events: layer -> spikes at each step and for each image, int64 (T, N), where a metric needs them.
        distances: van Rossum distance to the reference's spike trains, summed over neurons, float32 (N,), where a
            metric needs it.
        latencies: over the neurons that fire in both networks, the sum of (first step - the reference's first step),
            and their number, int64 (N, 2), where a metric needs them.
        potentials: lowest and highest membrane potential of each layer that shows it, in thresholds, float32 (L, 2),
            where a metric needs them.
        synapses: layer of synapses -> what it was asked for, where a cost needs it; it is not kept.
    """

    logits: Tensor
    profile: FiringProfile
    operations: Operations
    step_logits: Tensor | None = None
    events: dict[str, Tensor] | None = None
    distances: Tensor | None = None
    latencies: Tensor | None = None
    potentials: Tensor | None = None
    synapses: dict[str, SynapseLoad] | None = None

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
        return save({**self.by_image(BY_IMAGE), **self.operations.to_tensors(), **self.profile.to_tensors()})

    def by_image(self, wanted: Collection[str]) -> dict[str, Tensor]:
        """What there is of `wanted` among `BY_IMAGE`, as tensors of a file; `events_in` reads the events back."""
        found = {name: getattr(self, name) for name in BY_IMAGE if name != "events"} | {
            f"{EVENTS}{name}": each for name, each in (self.events or {}).items()
        }
        return {
            key: each.contiguous() for key, each in found.items() if each is not None and key.split("/")[0] in wanted
        }

    @classmethod
    def from_bytes(cls, content: bytes) -> Evaluation:
        """Read what `to_bytes` gave."""
        tensors = load(content)
        operations = Operations.from_tensors(tensors)
        firing = {key: value for key, value in tensors.items() if key[:1].isdigit()}
        profile = FiringProfile.from_tensors(firing)
        return cls(
            tensors["logits"],
            profile,
            operations,
            tensors.get("step_logits"),
            events_in(tensors),
            distances=tensors.get("distances"),
            latencies=tensors.get("latencies"),
            potentials=tensors.get("potentials"),
        )


def events_in(tensors: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
    """The events among the tensors of a file, int64; None if there are none."""
    found = {key.removeprefix(EVENTS): each.long() for key, each in tensors.items() if key.startswith(EVENTS)}
    return found or None
