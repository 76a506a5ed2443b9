"""Spike tensors: `(T, N, *features)` with values in {0, 1}; their check, and exact counting."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from snnbench.errors import FiringError

_CHUNK = 2**17  # elements that stay in cache while they are compared twice


def check_spikes(spikes: Tensor, layer: str) -> Tensor:
    """The spikes as bytes: uint8 `(T, N, *features)` of zeros and ones, after checking that they are nothing else.

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
    if spikes.dtype == torch.bool:
        return spikes.view(torch.uint8)
    fired, binary = _compare_on_cpu(spikes) if spikes.device.type == "cpu" else _compare(spikes)
    if not binary:
        other = spikes[(spikes != 0) & (spikes != 1)][0].item()
        raise FiringError(
            f"layer {layer!r}: spikes hold the value {other!r}; spikes are 0 or 1, so pass the neurons' outputs "
            "(not membranes, currents, or sums of spikes)"
        )
    return fired


def count_per_step(spikes: Tensor, layer: str) -> Tensor:
    """Exact number of spikes of each neuron at each step: `(T, N, *features)` -> int64 `(T, *features)`."""
    return sum_samples(check_spikes(spikes, layer))


def count_spikes(spikes: Tensor, layer: str) -> Tensor:
    """Exact number of spikes of each neuron over all steps and samples: `(T, N, *features)` -> int64 `(*features)`."""
    return count_per_step(spikes, layer).sum(0)


def count_steps(spikes: Tensor, layer: str) -> Tensor:
    """Exact number of spikes of the whole layer at each step: `(T, N, *features)` -> int64 `(T,)`."""
    return _over_features(count_per_step(spikes, layer))


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
    fired = check_spikes(spikes, layer)
    if fired.shape[2:] != counts.shape[1:] or fired.shape[0] != steps.shape[1]:
        raise FiringError(
            f"layer {layer!r}: spikes of {spikes.shape[0]} steps and features {tuple(spikes.shape[2:])} came after "
            f"{steps.shape[1]} steps and features {tuple(counts.shape[1:])}; keep T and the input size fixed"
        )
    shards = len(samples)
    for start in range(min(shards, fired.shape[1])):
        mine, shard = fired[:, start::shards], (first_sample + start) % shards
        per_step = sum_samples(mine)
        counts[shard] += per_step.sum(0)
        steps[shard] += _over_features(per_step)
        samples[shard] += mine.shape[1]


def sum_samples(fired: Tensor) -> Tensor:
    """Sum zeros and ones over the samples: uint8 `(T, N, *features)` -> int64 `(T, *features)`, exact."""
    # Sums of up to 255 fit a byte, and bytes add up many times faster than wide integers.
    total = torch.zeros(fired.shape[:1] + fired.shape[2:], dtype=torch.int64, device=fired.device)
    for part in torch.split(fired, 255, dim=1):
        total += part.sum(1, dtype=torch.uint8)
    return total


def _over_features(per_step: Tensor) -> Tensor:
    return per_step.flatten(1).sum(1) if per_step.ndim > 1 else per_step


def _compare(spikes: Tensor) -> tuple[Tensor, bool]:
    """Where the spikes are 1, as bytes, and whether they are 0 elsewhere."""
    fired = spikes == 1
    return fired.view(torch.uint8), torch.equal(fired, spikes != 0)


def _compare_on_cpu(spikes: Tensor) -> tuple[Tensor, bool]:
    """`_compare` by NumPy, which is several times as fast."""
    known = spikes.dtype not in (torch.float16, torch.bfloat16)
    values = (spikes if known else spikes.float()).contiguous().view(-1).numpy()
    fired, nonzero = np.empty(values.shape, bool), np.empty(min(_CHUNK, len(values)), bool)
    binary = True
    for start in range(0, len(values), _CHUNK):
        part = values[start : start + _CHUNK]
        ones, others = fired[start : start + len(part)], nonzero[: len(part)]
        np.equal(part, 1, out=ones)
        np.not_equal(part, 0, out=others)
        binary &= np.array_equal(ones, others)
    return torch.from_numpy(fired).view(torch.uint8).view(spikes.shape), binary
