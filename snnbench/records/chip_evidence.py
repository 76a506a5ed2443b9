"""Evidence of a chip gap, written and read: what a network of whole numbers predicted, how often its neurons fired, and
where that is not what the network with float states did."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from snnbench.errors import FiringError, RecordError
from snnbench.functional import FiringProfile, LayerFiring
from snnbench.records.evidence import narrow

CHIP_EVIDENCE_FILE = "chip.safetensors"


@dataclass(frozen=True)
class ChipLayerCounts:
    """What one layer did on the chip; K shards, T steps.

    Attributes:
        differing: int64 (K, T), places where one of both networks fires and the other does not.
        overflows: int64 (K,), potentials that did not fit in the chip's bits.
        several: int64 (K,), how often a neuron fired more than once in a step.
    """

    differing: Tensor
    overflows: Tensor
    several: Tensor


@dataclass(frozen=True)
class ChipOutcome:
    """What a network of whole numbers did on the test set.

    Attributes:
        predictions: int64 (N,), the lowest class wins a tie.
        profile: steps at which a neuron fires, once or more often; read from evidence, it has one shard.
        samples: int64 (K,), images of each shard; image i is in shard i mod K.
        layers: counts by layer.
    """

    predictions: Tensor
    profile: FiringProfile
    samples: Tensor
    layers: dict[str, ChipLayerCounts]
    logits = step_logits = events = distances = latencies = potentials = None  # of each image, predictions are kept

    def to_bytes(self) -> bytes:
        """The outcome as safetensors, in the smallest integers that hold it."""
        tensors = {"predictions": self.predictions, "samples": self.samples}
        for index, (name, layer) in enumerate(self.layers.items()):
            firing = self.profile.layers[name]
            fields = {"counts": firing.counts.sum(0), "steps": firing.steps.sum(0), **vars(layer)}
            tensors |= {f"{index:04d}/{name}/{field}": tensor for field, tensor in fields.items()}
        return save({key: narrow(tensor) for key, tensor in tensors.items()})

    @classmethod
    def from_bytes(cls, content: bytes) -> ChipOutcome:
        """Read what `to_bytes` gave; a ValueError, LookupError or FiringError if it is not sound."""
        stored = load(content)
        tensors = {key: tensor.long() for key, tensor in stored.items()}  # of uint16 little can be asked
        if any(tensor.is_floating_point() for tensor in stored.values()) or any(
            (t < 0).any() for t in tensors.values()
        ):
            raise ValueError("counts and predictions are whole numbers, none below 0")
        predictions, samples = (tensors.pop(name) for name in ("predictions", "samples"))
        found: dict[str, dict[str, Tensor]] = {}
        for key in sorted(tensors):
            name, _, field = key.partition("/")[2].rpartition("/")
            found.setdefault(name, {})[field] = tensors[key]
        firing = {name: _firing(fields, samples) for name, fields in found.items()}
        layers = {name: _counts(name, fields, firing[name], samples) for name, fields in found.items()}
        if predictions.shape != (int(samples.sum()),):
            raise ValueError(f"{len(predictions)} predictions for {int(samples.sum())} images")
        return cls(predictions, FiringProfile(firing), samples, layers)


def read_chip_evidence(path: Path) -> ChipOutcome:
    """Read the evidence of a chip gap.

    Raises:
        RecordError: if it is missing or damaged, or its counts contradict each other.
    """
    try:
        return ChipOutcome.from_bytes(path.read_bytes())
    except OSError as error:
        raise RecordError(f"evidence '{path}' cannot be read: {error.strerror}") from error
    except (SafetensorError, FiringError, LookupError, ValueError, TypeError) as error:
        raise RecordError(f"evidence '{path}' is not sound: {error}") from error


def _firing(fields: dict[str, Tensor], samples: Tensor) -> LayerFiring:
    return LayerFiring(fields.pop("counts")[None], fields.pop("steps")[None], samples.sum(0, keepdim=True))


def _counts(name: str, fields: dict[str, Tensor], firing: LayerFiring, samples: Tensor) -> ChipLayerCounts:
    layer = ChipLayerCounts(**fields)
    shape = samples.shape
    if (layer.differing.shape, layer.overflows.shape, layer.several.shape) != (
        (*shape, firing.timesteps),
        shape,
        shape,
    ):
        raise ValueError(f"layer '{name}' has tensors of the wrong shape")
    most = samples * firing.neurons
    each = (layer.differing, layer.overflows[:, None] / firing.timesteps, layer.several[:, None] / firing.timesteps)
    if any((counts > most[:, None]).any() for counts in each):
        raise ValueError(f"layer '{name}' has more of something than neurons, steps and images")
    return layer
