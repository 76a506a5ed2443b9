"""Evidence, written and read: what a network predicted and how often its neurons fired, enough to recompute its scores
without the network or the data."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from snnbench.data.content import Labels
from snnbench.errors import FiringError, RecordError
from snnbench.functional import FiringProfile, LayerFiring
from snnbench.functional.costs import KINDS, Operations
from snnbench.records.evaluation import BY_IMAGE, EVENTS, PAIRS, Evaluation, events_in
from snnbench.records.soundness import OUTPUTS, check_events, check_outputs, check_pairs

EVIDENCE_FILE = "evidence.safetensors"
LABELS = "labels"
PREDICTIONS = "predictions"


@dataclass(frozen=True)
class Evidence:
    """What evidence holds: predictions int64 (N,), spike counts over all samples, synaptic operations by shard, the
    labels where it has them, and of an `Evaluation` what the protocol's metrics need of each image.

    It grows as records do (`snnbench.records.schema`): a field that is added has the name of its tensor, of whole
    numbers one an image, and None where a file does not have it.
    """

    predictions: Tensor
    profile: FiringProfile
    operations: Operations
    labels: Tensor | None = None
    logits: Tensor | None = None
    step_logits: Tensor | None = None
    events: dict[str, Tensor] | None = None
    distances: Tensor | None = None
    latencies: Tensor | None = None
    potentials: Tensor | None = None

    @property
    def kept(self) -> frozenset[str]:
        """Which of `BY_IMAGE` it holds."""
        return frozenset(name for name in BY_IMAGE if getattr(self, name) is not None)

    @property
    def bytes_by_image(self) -> int:
        """Size of these in a file, at most."""
        found = [getattr(self, name) for name in BY_IMAGE if name != "events"]
        tensors = [*found, *(self.events or {}).values()]
        return sum(4 * tensor.numel() for tensor in tensors if tensor is not None)


def read_evidence(path: Path) -> Evidence:
    """Read the evidence of a record or of a reference.

    Raises:
        RecordError: if it is missing or damaged, or its counts contradict each other.
    """
    try:
        tensors = load(path.read_bytes())
    except OSError as error:
        raise RecordError(f"evidence '{path}' cannot be read: {error.strerror}") from error
    except SafetensorError as error:
        raise RecordError(f"evidence '{path}' is not a safetensors file: {error}") from error
    try:
        return evidence_from(tensors)
    except (FiringError, LookupError, ValueError) as error:
        raise RecordError(f"evidence '{path}' is not sound: {error}") from error


def evidence_of(evaluation: Evaluation, kept: Collection[str]) -> bytes:
    """Safetensors: spikes per neuron over all samples, spikes per shard and step, every image's prediction, and the
    synaptic operations per layer and shard (`Operations.to_tensors`); and what is `kept` of `BY_IMAGE`.

    Counts are stored in the smallest integer type that holds them.
    """
    tensors: dict[str, Tensor] = {"predictions": narrow(evaluation.predictions), **evaluation.operations.to_tensors()}
    for index, (name, layer) in enumerate(evaluation.profile.layers.items()):
        tensors[f"{index:04d}/{name}/counts"] = narrow(layer.counts.sum(0))
        tensors[f"{index:04d}/{name}/steps"] = narrow(layer.steps)
        tensors[f"{index:04d}/{name}/samples"] = narrow(layer.samples)
    for key, tensor in evaluation.by_image(kept).items():
        tensors[key] = narrow(tensor) if key.startswith(EVENTS) else tensor
    return save(tensors)


def reference_evidence(evaluation: Evaluation, labels: Labels, kept: Collection[str]) -> bytes:
    """Safetensors: the evidence of a protocol's full-precision network, and the labels of the test set."""
    narrow = torch.from_numpy(labels).to(torch.uint8 if labels.max() < 256 else torch.int32)
    return save(load(evidence_of(evaluation, kept)) | {LABELS: narrow})


def spikes_by_shard(path: Path) -> tuple[Tensor, Tensor]:
    """Spikes of all layers, and samples, in each shard, int64 (K,); of evidence that `read_evidence` reads."""
    tensors = load(path.read_bytes())
    steps = [tensor.long().sum(1) for key, tensor in tensors.items() if key.endswith("/steps")]
    samples = next(tensor.long() for key, tensor in tensors.items() if key.endswith("/samples") and "/" in key[5:])
    return torch.stack(steps).sum(0), samples


def evidence_from(tensors: dict[str, Tensor]) -> Evidence:
    """The evidence in the tensors of a file; a ValueError, LookupError or FiringError if they are not sound."""
    outputs = {name: tensors[name] for name in OUTPUTS if name in tensors}
    pairs = {name: tensors[name] for name in PAIRS if name in tensors}
    events, others = events_in(tensors), (*OUTPUTS, *PAIRS)
    tensors = {key: each for key, each in tensors.items() if key not in others and not key.startswith(EVENTS)}
    if any(tensor.is_floating_point() for tensor in tensors.values()):
        raise ValueError("counts, predictions and labels are whole numbers")
    added = {field.name for field in fields(Evidence) if field.default is None} & set(tensors)
    optional = {name: tensors.pop(name).long() for name in sorted(added)}
    predictions = tensors.pop(PREDICTIONS).long()
    operations = _operations(tensors)
    if unknown := [key for key in tensors if "/" not in key]:
        raise ValueError(f"evidence has no tensor '{unknown[0]}'")
    layers: dict[str, dict[str, Tensor]] = {}
    for key in sorted(key for key in tensors if not key.startswith("operations/")):
        _, _, rest = key.partition("/")
        name, _, field = rest.rpartition("/")
        layers.setdefault(name, {})[field] = tensors[key].long()
    profile = FiringProfile({name: _layer(name, fields) for name, fields in layers.items()})
    for what, tensor in {PREDICTIONS: predictions, **optional}.items():
        if tensor.shape != (profile.samples,):
            raise ValueError(f"{what} of shape {tuple(tensor.shape)} for {profile.samples} images")
    if not profile.samples or int(operations.samples.sum()) != profile.samples:
        raise ValueError(f"operations of {int(operations.samples.sum())} images, spikes of {profile.samples}")
    check_outputs(outputs, predictions, profile.timesteps)
    check_pairs(pairs, profile)
    if events is not None:
        check_events(events, profile)
    return Evidence(predictions, profile, operations, **optional, **outputs, **pairs, events=events)


def _operations(tensors: dict[str, Tensor]) -> Operations:
    counted = {key: tensor.long() for key, tensor in tensors.items() if key.startswith("operations/")}
    operations = Operations.from_tensors(counted)
    shape = (len(KINDS), *operations.samples.shape)
    if not operations.layers or operations.samples.ndim != 1 or (operations.samples < 0).any():
        raise ValueError("operations have no layers, or their samples are not a count for each shard")
    for name, counts in operations.layers.items():
        if counts.shape != shape:
            raise ValueError(f"operations of layer '{name}' have shape {tuple(counts.shape)}, not {shape}")
    return operations


def _layer(name: str, fields: dict[str, Tensor]) -> LayerFiring:
    if set(fields) != {"counts", "steps", "samples"}:
        raise ValueError(f"layer '{name}' has {', '.join(sorted(fields))}, not counts, steps and samples")
    shards = fields["samples"].shape
    if len(shards) != 1 or fields["steps"].shape[:-1] != shards or fields["counts"].ndim == 0:
        raise ValueError(f"layer '{name}' has tensors of the wrong shape")
    places = fields["samples"][:, None] * fields["counts"].numel()
    if (fields["samples"] < 0).any() or (fields["steps"] < 0).any() or (fields["steps"] > places).any():
        raise ValueError(f"layer '{name}' has more spikes in a step than neurons times samples")
    return LayerFiring(
        fields["counts"][None], fields["steps"].sum(0, keepdim=True), fields["samples"].sum(0, keepdim=True)
    )


def narrow(tensor: Tensor) -> Tensor:
    """The same whole numbers, none below 0, in the smallest type that evidence keeps."""
    kinds = (torch.uint8, torch.int16, torch.uint16, torch.int32)
    most = int(tensor.max())
    return tensor.to(next((kind for kind in kinds if most <= torch.iinfo(kind).max), torch.int64)).contiguous()
