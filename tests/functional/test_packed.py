"""Packed spikes tell what the tensors do: counts, distances, first spikes and mismatch, by the functions of tensors."""

from __future__ import annotations

import pytest
import torch

from snnbench.errors import FiringError
from snnbench.functional.mismatch import count_mismatch
from snnbench.functional.packed import PackedSpikes, packing_library
from snnbench.functional.spikes import count_by_shard
from snnbench.functional.trains import first_spikes, van_rossum_distances

GENERATOR = torch.Generator().manual_seed(0)


@pytest.fixture(autouse=True)
def kernels():
    if packing_library() is None:
        pytest.skip("there is no C++ compiler")


def trains(timesteps: int, features: tuple[int, ...] = (3, 2, 5)) -> torch.Tensor:
    spikes: torch.Tensor = (torch.rand(timesteps, 45, *features, generator=GENERATOR) < 0.4).float()
    return spikes


def packed(spikes: torch.Tensor) -> PackedSpikes:
    found = PackedSpikes.of(spikes)
    assert found is not None
    return found


@pytest.mark.parametrize("timesteps", [1, 4, 8, 9, 64])
def test_counts_are_those_of_the_tensor(timesteps):
    spikes = trains(timesteps)
    sums = [
        (torch.zeros(20, 3, 2, 5, dtype=torch.int64), torch.zeros(20, timesteps, dtype=torch.int64)) for _ in range(2)
    ]
    samples = [torch.zeros(20, dtype=torch.int64) for _ in range(2)]
    for first in (0, 45, 90):
        count_by_shard(spikes, "a", first, *sums[0], samples[0])
        packed(spikes).count_by_shard("a", first, *sums[1], samples[1])
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(sums[0], sums[1], strict=True))
    assert torch.equal(*samples)
    assert torch.equal(packed(spikes).events, spikes.flatten(2).sum(2).long())


@pytest.mark.parametrize("tau", [0.5, 3.0])
@pytest.mark.parametrize("timesteps", [1, 4, 8, 9, 64])
def test_comparisons_are_those_of_the_tensors(timesteps, tau):
    mine = trains(timesteps)
    theirs = torch.where(torch.rand(mine.shape, generator=GENERATOR) < 0.2, 1 - mine, mine)
    found = packed(mine).compare(packed(theirs), tau)
    distances = van_rossum_distances(mine, theirs, tau).flatten(1).sum(1)
    assert found.distances.tolist() == pytest.approx(distances.tolist(), rel=1e-5, abs=1e-5)
    assert found.mismatch == count_mismatch(mine, theirs, "a")
    first, other = (first_spikes(each).flatten(1) for each in (mine, theirs))
    both = (first > 0) & (other > 0)
    assert torch.equal(found.shifts, torch.stack([((first - other) * both).sum(1), both.sum(1)], 1))


@pytest.mark.parametrize("dtype", [torch.bool, torch.bfloat16, torch.float64])
def test_any_dtype_and_layout(dtype):
    spikes = trains(4, features=(6, 3, 3))
    whole = packed(spikes)
    for other in (
        spikes.to(dtype),
        spikes.flatten(0, 1).contiguous(memory_format=torch.channels_last).view(4, 45, 6, 3, 3),
        spikes.transpose(0, 1).contiguous().transpose(0, 1),
    ):
        assert torch.equal(packed(other).codes, whole.codes)
        assert torch.equal(packed(other).events, whole.events)


@pytest.mark.parametrize("timesteps", [4, 8, 9])
def test_in_parts_and_back(timesteps):
    spikes = trains(timesteps)
    whole, parts = packed(spikes), PackedSpikes.of(spikes[:1], spikes[1:3], spikes[3:])
    assert parts is not None
    assert torch.equal(whole.spikes(), spikes)
    assert torch.equal(parts.codes, whole.codes)
    assert torch.equal(parts.events, whole.events)
    assert PackedSpikes.of(spikes, spikes[:, :9]) is None


@pytest.mark.parametrize("spikes", [trains(65), 2 * trains(4), -trains(4), trains(4) - torch.nan])
def test_what_cannot_be_packed(spikes):
    assert PackedSpikes.of(spikes) is None


def test_what_does_not_fit():
    with pytest.raises(FiringError, match="same samples for the same T"):
        packed(trains(4)).compare(packed(trains(5)), 1.0)
    with pytest.raises(FiringError, match="tau=0 is not a time constant"):
        packed(trains(4)).compare(packed(trains(4)), 0)
    counters = torch.zeros(20, 7, dtype=torch.int64), torch.zeros(20, 4, dtype=torch.int64)
    with pytest.raises(FiringError, match="keep T and the input size fixed"):
        packed(trains(4)).count_by_shard("a", 0, *counters, torch.zeros(20, dtype=torch.int64))
