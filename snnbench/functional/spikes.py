"""Spike tensors: `(T, N, *features)` with values in {0, 1}; their check, and exact counting."""

from __future__ import annotations

import torch
from torch import Tensor

from snnbench.errors import FiringError

_CHUNK = 2**16  # elements that stay in cache while they are checked


def check_spikes(spikes: Tensor, layer: str) -> Tensor:
    """Return `spikes` detached, after checking that it is a non-empty `(T, N, *features)` tensor of zeros and ones.

    Raises:
        FiringError: naming `layer`, if the tensor has fewer than two dimensions, is empty, or holds a value other
            than 0 and 1 (negative, fractional, above 1, NaN).
    """
    if spikes.ndim < 2 or spikes.numel() == 0:
        raise FiringError(
            f"layer {layer!r}: spikes have shape {tuple(spikes.shape)}; "
            "pass a non-empty tensor (T, N, *features): time steps, samples, features of the layer"
        )
    spikes = spikes.detach()
    if spikes.dtype != torch.bool:
        _refuse_other_values(spikes, layer)
    return spikes


def count_spikes(spikes: Tensor, layer: str) -> Tensor:
    """Exact number of spikes of each neuron over all steps and samples: `(T, N, *features)` -> int64 `(*features)`."""
    spikes = check_spikes(spikes, layer)
    return spikes.sum(0, dtype=_exact_dtype(spikes)).sum(0).long()


def count_steps(spikes: Tensor, layer: str) -> Tensor:
    """Exact number of spikes of the whole layer at each step: `(T, N, *features)` -> int64 `(T,)`."""
    spikes = check_spikes(spikes, layer)
    return _per_step_and_sample(spikes).sum(1)


def count_per_step(spikes: Tensor, layer: str) -> Tensor:
    """Exact number of spikes of each neuron at each step: `(T, N, *features)` -> int64 `(T, *features)`."""
    spikes = check_spikes(spikes, layer)
    return spikes.sum(1, dtype=_exact_dtype(spikes)).long()


def count_by_shard(
    spikes: Tensor, layer: str, first_sample: int, counts: Tensor, steps: Tensor, samples: Tensor
) -> None:
    """Add the spikes of samples `first_sample, first_sample + 1, ...` in place to per-shard counters.

    Sample i belongs to shard i mod K. The memory needed does not depend on the number of samples seen so far.

    Args:
        spikes: `(T, N, *features)`, values in {0, 1}, any dtype.
        layer: name of the layer, for error messages.
        first_sample: index of the batch's first sample in the data set.
        counts: int64 `(K, *features)`, spikes per shard and neuron.
        steps: int64 `(K, T)`, spikes of the whole layer per shard and step.
        samples: int64 `(K,)`, samples per shard.

    Raises:
        FiringError: if `spikes` are not spikes or do not fit the counters.
    """
    spikes = check_spikes(spikes, layer)
    if spikes.shape[2:] != counts.shape[1:] or spikes.shape[0] != steps.shape[1]:
        raise FiringError(
            f"layer {layer!r}: spikes of {spikes.shape[0]} steps and features {tuple(spikes.shape[2:])} came after "
            f"{steps.shape[1]} steps and features {tuple(counts.shape[1:])}; keep T and the input size fixed"
        )
    shards = (first_sample + torch.arange(spikes.shape[1], device=spikes.device)) % len(samples)
    counts.index_add_(0, shards, spikes.sum(0, dtype=_exact_dtype(spikes)).long())
    steps.index_add_(0, shards, _per_step_and_sample(spikes).T)
    samples.index_add_(0, shards, torch.ones_like(shards))


def _refuse_other_values(spikes: Tensor, layer: str) -> None:
    # s - s*s is zero for 0 and 1 alone, in floating point and in wrapping integers; NaN stays NaN.
    chunks = torch.split(spikes.reshape(-1), _CHUNK if spikes.device.type == "cpu" else spikes.numel())
    for chunk in chunks:
        low, high = torch.addcmul(chunk, chunk, chunk, value=-1).aminmax()
        if not (low == 0 and high == 0):
            other = chunk[(chunk != 0) & (chunk != 1)][0].item()
            raise FiringError(
                f"layer {layer!r}: spikes hold the value {other!r}; spikes are 0 or 1, so pass the neurons' outputs "
                "(not membranes, currents, or sums of spikes)"
            )


def _per_step_and_sample(spikes: Tensor) -> Tensor:
    return spikes.flatten(2).sum(2, dtype=_exact_dtype(spikes)).long() if spikes.ndim > 2 else spikes.long()


def _exact_dtype(spikes: Tensor) -> torch.dtype:
    # float32 counts exactly up to 2**24.
    largest = max(spikes.shape[0] * spikes.shape[1], spikes[0, 0].numel())
    return torch.float64 if spikes.dtype == torch.float64 or largest > 2**24 else torch.float32
