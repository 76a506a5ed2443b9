"""Counting spikes: exact in every dtype, and nothing but spikes is counted."""

from __future__ import annotations

import tracemalloc

import pytest
import torch

from snnbench.errors import FiringError
from snnbench.functional import (
    check_spikes,
    count_by_shard,
    count_per_step,
    count_spikes,
    count_steps,
    firing_rate,
    tally,
    threads,
)
from snnbench.functional.kernels import Compiled, counting_library
from snnbench.functional.profile import LayerFiring
from snnbench.functional.rows import SpikeRows
from snnbench.functional.spikes import count_differing

DTYPES = [
    torch.float32,
    torch.float64,
    torch.float16,
    torch.bfloat16,
    torch.bool,
    torch.uint8,
    torch.int8,
    torch.int32,
    torch.int64,
]


@pytest.fixture(autouse=True, params=["C++", "numpy"])
def counted_by(request, monkeypatch):
    """Everything here is counted by the kernels, and by what takes their place where there is no compiler."""
    library = counting_library() if request.param == "C++" else None
    if request.param == "C++" and library is None:
        pytest.skip("no C++ compiler")
    monkeypatch.setattr(tally, "_COMPILED", 0)
    monkeypatch.setattr(tally, "counting_library", lambda: library)
    return request.param


def spikes(*shape: int, rate: float = 0.4, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < rate


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("features", [(), (5,), (2, 3, 4)], ids=str)
def test_counts_equal_plain_loops(dtype, features):
    fired = spikes(3, 7, *features)
    tensor = fired.to(dtype)
    by_loop = torch.zeros(features, dtype=torch.int64)
    for step in range(3):
        for sample in range(7):
            by_loop += fired[step, sample].long()
    assert torch.equal(count_spikes(tensor, "a"), by_loop)
    assert count_steps(tensor, "a").tolist() == [int(fired[step].sum()) for step in range(3)]
    assert torch.equal(count_per_step(tensor, "a"), fired.long().sum(1))
    assert torch.allclose(firing_rate(tensor).double(), by_loop.double() / 21, atol=1e-7)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_counts_beyond_its_own_integers(dtype):
    fired = torch.ones(4, 3000, 2, dtype=dtype)
    fired[0, 0, 1] = 0
    assert count_spikes(fired, "a").tolist() == [12000, 11999]
    assert count_steps(fired.transpose(1, 2), "a").tolist() == [5999, 6000, 6000, 6000]
    assert firing_rate(fired).dtype == torch.float32
    assert firing_rate(fired)[1] == pytest.approx(11999 / 12000, abs=1e-7)


@pytest.mark.parametrize(
    "value", [-1.0, 0.5, 2.0, 1e-9, 1 - 2**-24, 1 + 2**-20, float("nan"), float("inf"), float("-inf")]
)
@pytest.mark.parametrize("place", [0, -1])
def test_whatever_is_not_a_spike_is_refused(value, place):
    tensor = spikes(2, 500, 200).float()
    tensor.view(-1)[place] = value
    with pytest.raises(FiringError, match=r"layer 'conv1\.sn': spikes hold the value"):
        check_spikes(tensor, "conv1.sn")


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int64], ids=str)
@pytest.mark.parametrize("value", [2, 16, 127])
def test_integers_that_wrap_when_squared_are_refused(dtype, value):
    tensor = spikes(2, 3, 4).to(dtype)
    tensor[1, 2, 3] = value
    with pytest.raises(FiringError, match=f"hold the value {value}"):
        check_spikes(tensor, "a")


def test_a_square_that_wraps_to_zero_is_refused():
    with pytest.raises(FiringError, match="4294967296"):
        check_spikes(torch.tensor([[0, 1, 2**32]]), "a")


@pytest.mark.parametrize("shape", [(), (3,), (0, 4), (2, 0, 5), (2, 3, 0)], ids=str)
def test_shapes_without_steps_samples_or_neurons_are_refused(shape):
    with pytest.raises(FiringError, match="layer 'a': spikes have shape"):
        check_spikes(torch.zeros(shape), "a")


LAYOUTS = {
    "contiguous": lambda spikes: spikes,
    "channels last": lambda spikes: (
        spikes.flatten(0, 1).contiguous(memory_format=torch.channels_last).view(spikes.shape)
    ),
    "samples first": lambda spikes: spikes.transpose(0, 1).contiguous().transpose(0, 1),
    "reversed": lambda spikes: spikes.permute(4, 3, 2, 1, 0).contiguous().permute(4, 3, 2, 1, 0),
    "every other": lambda spikes: torch.stack([spikes, ~spikes], -1)[..., 0],
    "one feature repeated": lambda spikes: spikes[:, :, :, :1, :1].expand(spikes.shape),
}


def test_kernels_count_rows_without_gaps(counted_by):
    for layout, order in LAYOUTS.items():
        counter = tally._counter(SpikeRows(order(spikes(3, 7, 2, 5, 4))))
        gaps = layout in ("reversed", "every other")
        assert isinstance(counter, Compiled) == (counted_by == "C++" and not gaps), layout


@pytest.mark.parametrize("samples", [1, 3, 4, 5, 255, 256, 1021])
@pytest.mark.parametrize("place", ["first", "last", "middle"])
def test_no_row_escapes_the_check(samples, place):
    tensor = spikes(1, samples, 37).float()
    row = {"first": 0, "last": samples - 1, "middle": samples // 2}[place]
    tensor[0, row, 36] = 1e-30
    layer = LayerFiring.empty((37,), 1, shards=3)
    with pytest.raises(FiringError, match="hold the value 1"):
        count_by_shard(tensor, "a", 2, layer.counts, layer.steps, layer.samples)
    for pair in ((tensor, tensor.round()), (tensor.round(), tensor)):
        with pytest.raises(FiringError, match="hold the value 1"):
            count_differing(*pair, "a")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.bool], ids=str)
def test_spikes_may_lie_in_memory_in_any_order(layout, dtype):
    tensor = LAYOUTS[layout](spikes(3, 7, 2, 5, 4)).to(dtype)  # keeps the layout
    plain = tensor.clone(memory_format=torch.contiguous_format).long()
    assert torch.equal(count_spikes(tensor, "a"), plain.sum((0, 1)))
    assert torch.equal(count_per_step(tensor, "a"), plain.sum(1))
    assert torch.equal(count_steps(tensor, "a"), plain.flatten(1).sum(1))
    layer = LayerFiring.empty((2, 5, 4), 3, shards=4)
    count_by_shard(tensor, "a", 0, layer.counts, layer.steps, layer.samples)
    assert torch.equal(layer.counts, torch.stack([plain[:, shard::4].sum((0, 1)) for shard in range(4)]))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_two_layouts_are_compared_place_by_place(layout):
    a, b = spikes(3, 7, 2, 5, 4), LAYOUTS[layout](spikes(3, 7, 2, 5, 4, seed=1))
    counted = int((a ^ b).sum()), int((a | b).sum())
    assert count_differing(a.float(), b.float(), "a") == count_differing(b.half(), a.double(), "a") == counted


SIZES = {"few wide rows": (2, 9, 70_000), "many narrow rows": (2, 40_000, 3), "one column": (3, 70_000, 1)}


@pytest.mark.parametrize("cores", [1, 2])
@pytest.mark.parametrize("size", SIZES)
def test_counts_are_exact_at_every_size_of_block(size, cores, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: cores)
    monkeypatch.setattr(threads, "_PARALLEL", 0)
    tensor = spikes(*SIZES[size], rate=0.9).float()
    layer = LayerFiring.empty(tensor.shape[2:], len(tensor), shards=4)
    count_by_shard(tensor, "a", 3, layer.counts, layer.steps, layer.samples)
    for shard in range(4):
        mine = tensor[:, (shard - 3) % 4 :: 4].double()
        assert torch.equal(layer.counts[shard], mine.sum((0, 1)).long())
        assert torch.equal(layer.steps[shard], mine.sum((1, 2)).long())
        assert layer.samples[shard] == mine.shape[1]
    assert torch.equal(count_per_step(tensor, "a"), tensor.double().sum(1).long())
    assert count_differing(tensor, 1 - tensor, "a") == (tensor.numel(), tensor.numel())


def test_counting_needs_memory_for_the_neurons_only():
    tensor = torch.ones(2, 4000, 500)
    tracemalloc.start()
    count_spikes(tensor, "a")
    count_differing(tensor, tensor, "a")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000  # the tensor has 4,000,000 places


def test_the_counts_of_a_device_are_those_of_the_processor():
    tensor = spikes(3, 7, 2, 5)
    here, there = tally.Tally(tensor, 4), tally.DeviceTally(tensor.float(), 4)
    for result in ("neurons", "steps", "each_step"):
        assert torch.equal(getattr(here, result)().long(), getattr(there, result)())
    assert there.binary
    assert not tally.DeviceTally(tensor * 0.5, 4).binary


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16], ids=str)
def test_zero_may_be_negative(dtype):
    tensor = spikes(2, 3, 4).to(dtype)
    negative = torch.where(tensor == 0, torch.tensor(-0.0, dtype=dtype), tensor)
    assert torch.equal(count_spikes(negative, "a"), count_spikes(tensor, "a"))
    assert count_differing(negative, tensor, "a") == (0, int(tensor.sum()))


def test_shards_are_the_sample_number_modulo_k():
    fired = spikes(2, 11, 3)
    layer = LayerFiring.empty((3,), 2, shards=4)
    for first, batch in ((0, fired[:, :5]), (5, fired[:, 5:7]), (7, fired[:, 7:])):
        count_by_shard(batch.float(), "a", first, layer.counts, layer.steps, layer.samples)
    for shard in range(4):
        mine = fired[:, shard::4].long()
        assert torch.equal(layer.counts[shard], mine.sum((0, 1)))
        assert torch.equal(layer.steps[shard], mine.sum((1, 2)))
        assert layer.samples[shard] == mine.shape[1]


def test_what_is_refused_is_not_counted():
    layer = LayerFiring.empty((3,), 2)
    with pytest.raises(FiringError, match="hold the value"):
        count_by_shard(torch.full((2, 5, 3), 0.5), "a", 0, layer.counts, layer.steps, layer.samples)
    assert layer == LayerFiring.empty((3,), 2)


@pytest.mark.parametrize("place", [0, 1])
def test_either_tensor_that_does_not_hold_spikes_is_refused(place):
    pair = [torch.zeros(2, 3, 4), torch.zeros(2, 3, 4)]
    pair[place][1, 2, 3] = 0.25
    with pytest.raises(FiringError, match=r"layer 'a': spikes hold the value 0\.25"):
        count_differing(*pair, "a")


@pytest.mark.parametrize("shape", [(3, 5, 3), (2, 5, 4)], ids=str)
def test_batches_of_another_shape_are_refused(shape):
    layer = LayerFiring.empty((3,), 2)
    with pytest.raises(FiringError, match=r"layer 'a': spikes of .* came after 2 steps"):
        count_by_shard(torch.zeros(shape), "a", 0, layer.counts, layer.steps, layer.samples)


def test_the_rate_carries_a_gradient():
    tensor = spikes(4, 5, 3).float().requires_grad_()
    firing_rate({"a": tensor})["a"].sum().backward()
    assert torch.allclose(tensor.grad, torch.full_like(tensor, 1 / 20))
