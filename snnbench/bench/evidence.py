"""The evidence beside a record: enough to recompute its scores without the model or the data."""

from __future__ import annotations

import torch
from safetensors.torch import save
from torch import Tensor

from snnbench.bench.evaluate import Evaluation


def evidence_of(evaluation: Evaluation) -> bytes:
    """Safetensors: spikes per neuron over all samples, spikes per shard and step, every image's prediction, and the
    synaptic operations per layer and shard (`Operations.to_tensors`).

    Counts are stored in the smallest integer type that holds them.
    """
    tensors: dict[str, Tensor] = {"predictions": _narrow(evaluation.predictions), **evaluation.operations.to_tensors()}
    for index, (name, layer) in enumerate(evaluation.profile.layers.items()):
        tensors[f"{index:04d}/{name}/counts"] = _narrow(layer.counts.sum(0))
        tensors[f"{index:04d}/{name}/steps"] = _narrow(layer.steps)
        tensors[f"{index:04d}/{name}/samples"] = _narrow(layer.samples)
    return save(tensors)


def _narrow(tensor: Tensor) -> Tensor:
    kinds = (torch.uint8, torch.int16, torch.uint16, torch.int32)
    most = int(tensor.max())
    return tensor.to(next((kind for kind in kinds if most <= torch.iinfo(kind).max), torch.int64)).contiguous()
