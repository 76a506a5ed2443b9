"""The nearest level, by the kernel and by PyTorch's search."""

from __future__ import annotations

from math import inf, nan

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from snnbench.quant import nearest as module
from snnbench.quant.nearest import encode, nearest, nearest_library, tally

COUNT = 2**14
KERNEL = pytest.mark.skipif(nearest_library() is None, reason="no kernel here")


def levels_of(bits: int) -> Tensor:
    return torch.randn(1, 2**bits, generator=torch.Generator().manual_seed(bits)).sort(dim=1).values


def values_about(levels: Tensor) -> Tensor:
    """Values at random, on levels and half-way between them, and what is no number of that size."""
    half_way = (levels[:, 1:] + levels[:, :-1]) / 2
    odd = torch.tensor([[nan, inf, -inf, 0.0, -0.0]])
    rest = torch.randn(1, COUNT, generator=torch.Generator().manual_seed(0))
    return torch.cat([levels, half_way, odd, rest], dim=1)


def as_searched(values: Tensor, levels: Tensor) -> Tensor:
    return levels.gather(1, encode(values, levels))


@KERNEL
@pytest.mark.parametrize("bits", range(1, 9))
def test_the_kernel_is_pytorchs_search(bits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    levels = levels_of(bits)
    values = values_about(levels)
    monkeypatch.setattr(module, "encode", lambda *_: pytest.fail("the kernel did not run"))
    assert torch.equal(nearest(values, levels), as_searched(values, levels))


@KERNEL
@given(levels=st.lists(st.floats(-1, 1, width=32), min_size=4, max_size=4).map(sorted), seed=st.integers(0, 99))
def test_levels_may_be_the_same(levels: list[float], seed: int) -> None:
    row = torch.tensor([levels])
    values = torch.rand(1, COUNT, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    assert torch.equal(nearest(values, row), as_searched(values, row))


def loop(values: Tensor, levels: Tensor) -> tuple[list[float], list[float]]:
    """How many of the values of one row take each level, and their sums."""
    counts, sums = [0.0] * levels.shape[1], [0.0] * levels.shape[1]
    for value, at in zip(values[0].tolist(), encode(values, levels)[0].tolist(), strict=True):
        counts[at] += 1
        sums[at] += value
    return counts, sums


@pytest.mark.parametrize("kernel", [pytest.param(True, marks=KERNEL), False])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("bits", range(1, 9))
def test_tally(bits: int, threads: int, kernel: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    levels = levels_of(bits)
    values = values_about(levels).nan_to_num(0.0, 9.0, -9.0)
    expected = loop(values, levels)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    if not kernel:
        monkeypatch.setattr(module, "nearest_library", lambda: None)
    found, counts, sums = tally(values, levels)
    assert torch.equal(found, as_searched(values, levels))
    assert counts[0].tolist() == expected[0]
    # In one thread the values are added in the loop's order; a double of a few thousand ends at its 13th digit.
    assert sums[0].tolist() == (expected[1] if threads == 1 else pytest.approx(expected[1], abs=1e-9))


@pytest.mark.parametrize(
    "change",
    [
        lambda values, levels: (values.double(), levels.double()),
        lambda values, levels: (values.repeat(2, 1), levels.repeat(2, 1)),
        lambda values, levels: (values[:, :9], levels),
        lambda values, levels: (values, levels[:, 1:]),
        lambda values, levels: (values, levels[:, :1]),
        lambda values, levels: (values.repeat(1, 2)[:, ::2], levels),
    ],
)
def test_what_the_kernel_does_not_know(change) -> None:
    values, levels = change(values_about(levels_of(3)), levels_of(3))
    assert torch.equal(nearest(values, levels), as_searched(values, levels))


def test_without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "nearest_library", lambda: None)
    values, levels = values_about(levels_of(2)), levels_of(2)
    assert torch.equal(nearest(values, levels), as_searched(values, levels))
