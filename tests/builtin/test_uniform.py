"""Uniform quantization against numpy and a brute-force nearest level."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from snnbench.builtin.uniform import uniform
from snnbench.errors import OptionError

GRIDS = ["endpoint", "symmetric"]


def levels(bits: int, grid: str, low: float, high: float) -> np.ndarray:
    if grid == "endpoint":
        return np.linspace(low, high, 2**bits)
    steps = 2 ** (bits - 1) - 1
    return high / steps * np.arange(-steps, steps + 1)


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize(("clip", "bound"), [("narrow", 1.0), ("wide", 10.0)])
def test_values_are_the_nearest_levels(grid: str, bits: int, clip: str, bound: float) -> None:
    x = torch.randn(40, 25, dtype=torch.float64) * bound
    found = uniform(x, bits=bits, grid=grid, clip=clip)(x).numpy()
    table = levels(bits, grid, -bound, bound)
    nearest = np.abs(x.numpy()[..., None] - table).min(axis=-1)
    assert np.abs(np.abs(x.numpy() - found) - nearest).max() < 1e-12
    assert np.abs(found[..., None] - table).min(axis=-1).max() < 1e-12


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_unsigned_range_holds_zero_and_the_bound(bits: int) -> None:
    x = torch.linspace(-0.5, 1.5, 101)
    found = uniform(torch.full((4,), torch.nan), bits=bits, range="unsigned")(x)
    assert torch.allclose(found.unique(), torch.linspace(0, 1, 2**bits))


def test_signed_endpoint_grid_cannot_hold_zero() -> None:
    assert uniform(torch.zeros(3), bits=2)(torch.zeros(1)).abs().item() == pytest.approx(1 / 3)
    assert uniform(torch.zeros(3), bits=2, grid="symmetric")(torch.zeros(1)).item() == 0


def test_rounds_half_to_even() -> None:
    quantizer = uniform(torch.zeros(3), bits=3, grid="symmetric")
    quantizer.bound.fill_(3.0)  # steps of exactly 1
    halves = torch.tensor([0.5, 1.5, 2.5, -0.5, -1.5], dtype=torch.float64)
    assert quantizer(halves).tolist() == [0, 2, 2, 0, -2]


@pytest.mark.parametrize("clip", ["narrow", "wide", "absmax", "mse", "percentile"])
@pytest.mark.parametrize("per", ["tensor", "channel"])
def test_gradient_is_one_inside_the_range_and_zero_outside(clip: str, per: str) -> None:
    x = (3 * torch.randn(6, 50)).requires_grad_()
    quantizer = uniform(x.detach(), bits=4, clip=clip, per=per)
    quantizer(x).sum().backward()
    bound = x.detach().abs().max() if quantizer.bound is None else quantizer.bound
    inside = x.detach().abs() <= bound if per == "tensor" or quantizer.bound is not None else torch.ones_like(x).bool()
    assert torch.equal(x.grad, inside.float())


def best_by_brute_force(row: np.ndarray, bits: int, grid: str) -> float:
    errors = []
    for step in range(100):
        bound = np.abs(row).max() * (1 - step / 100)
        table = levels(bits, grid, -bound, bound)
        errors.append((np.abs(row[:, None] - table).min(axis=1) ** 2).sum())
    return min(errors)


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("bits", [2, 4])
def test_mse_finds_the_least_squared_error(grid: str, bits: int) -> None:
    w = torch.randn(5, 60, dtype=torch.float64)
    found = uniform(w, bits=bits, grid=grid, clip="mse", per="channel")(w)
    for row, quantized in zip(w.numpy(), found.numpy(), strict=True):
        assert ((row - quantized) ** 2).sum() == pytest.approx(best_by_brute_force(row, bits, grid), rel=1e-9)


def test_absmax_follows_the_tensor() -> None:
    quantizer = uniform(torch.ones(2, 2), bits=2, clip="absmax")
    assert quantizer(torch.tensor([[5.0, -5.0]])).tolist() == [[5, -5]]


@pytest.mark.parametrize("count", [1, 50, 999, 1000, 3500])
def test_percentile_is_of_the_magnitudes(count: int) -> None:
    w = torch.randn(2, count)
    found = uniform(w, bits=8, clip="percentile", per="channel").bound
    assert found.flatten().tolist() == np.quantile(w.abs().numpy(), 0.999, axis=1, method="higher").tolist()


def test_percentile_ignores_outliers() -> None:
    w = torch.cat([torch.linspace(0, 1, 9999), torch.tensor([50.0])]).view(1, -1)
    assert uniform(w, bits=8, clip="percentile").bound.item() == pytest.approx(0.999, abs=1e-3)


@given(
    hnp.arrays(np.float32, hnp.array_shapes(min_dims=1, max_dims=4, max_side=4), elements=st.floats(-50, 50, width=32)),
    st.integers(1, 8),
    st.sampled_from(["narrow", "wide", "absmax", "mse", "percentile"]),
    st.sampled_from(["tensor", "channel"]),
)
@example(np.array([0.5, 0.0, 1.0], np.float32), 1, "absmax", "channel")
def test_shape_dtype_finite_and_few_levels(x: np.ndarray, bits: int, clip: str, per: str) -> None:
    tensor = torch.from_numpy(x)
    found = uniform(tensor, bits=bits, clip=clip, per=per)(tensor)
    assert found.shape == tensor.shape
    assert found.dtype == tensor.dtype
    assert found.isfinite().all()
    rows = found.reshape(len(found) if per == "channel" else 1, -1)
    assert all(row.unique().numel() <= 2**bits for row in rows)


@pytest.mark.parametrize("clip", ["absmax", "mse", "percentile"])
def test_a_tensor_of_zeros_stays_zero(clip: str) -> None:
    assert uniform(torch.zeros(3, 4), bits=3, clip=clip)(torch.zeros(3, 4)).eq(0).all()


def test_refuses_what_it_cannot_do() -> None:
    with pytest.raises(OptionError, match="at least 2 bits"):
        uniform(torch.ones(2), bits=1, grid="symmetric")
    with pytest.raises(OptionError, match="clip=mse"):
        uniform(torch.full((2,), torch.nan), bits=4, clip="mse")
