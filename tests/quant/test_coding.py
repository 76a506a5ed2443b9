"""Quantized tensors taken apart and put together again."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from snnbench.builtin.lqnet import lqnet
from snnbench.builtin.uniform import uniform
from snnbench.quant.coding import decode, encode
from snnbench.quant.packing import stored_bits


def weights(seed: int = 0, *shape: int) -> Tensor:
    return torch.randn(shape or (16, 8, 3, 3), generator=torch.Generator().manual_seed(seed)) * 0.15


def identical(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and a.view(torch.int32).equal(b.view(torch.int32))


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("clip", ["narrow", "wide", "absmax", "mse", "percentile"])
@pytest.mark.parametrize("per", ["tensor", "channel"])
@pytest.mark.parametrize("grid", ["endpoint", "symmetric"])
def test_uniform_levels_are_whole_numbers_times_a_scale(bits: int, clip: str, per: str, grid: str) -> None:
    if grid == "symmetric" and bits == 1:
        return
    quantized = uniform(weights(bits), bits=bits, clip=clip, per=per, grid=grid)(weights(bits))
    parts = encode(quantized)
    assert "scale" in parts
    assert "table" not in parts
    assert len(parts["scale"]) in (1, 1 if per == "tensor" else 16)
    assert {part.dtype for name, part in parts.items() if name in ("levels", "index")} <= {torch.int8, torch.uint8}
    assert identical(decode(parts), quantized + 0.0)


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("codes", ["signed", "binary"])
def test_the_levels_of_lqnet_are_sums_of_its_basis(bits: int, codes: str) -> None:
    quantizer = lqnet(weights(bits), bits=bits, codes=codes)
    quantized = quantizer(weights(bits))
    parts = encode(quantized, quantizer.basis)
    assert set(parts) == {"signs" if codes == "signed" else "bits", "basis"}
    assert parts["basis"].shape == (16, bits)
    assert identical(decode(parts), quantized + 0.0)


def test_a_basis_that_does_not_produce_the_levels_is_not_used() -> None:
    quantizer = lqnet(weights(), bits=3)
    assert "basis" not in encode(quantizer(weights()), quantizer.basis * 1.01)


def ternary(weight: Tensor) -> Tensor:
    return weight.sign() * (weight.abs() > 0.1) * weight.abs().flatten(1).mean(1).view(-1, 1, 1, 1)


def rounded_to_powers(weight: Tensor) -> Tensor:
    return weight.sign() * 2 ** weight.abs().log2().round().clamp(-6, 0)


def nearest_of_four(weight: Tensor) -> Tensor:
    table = torch.tensor([-0.21, -0.0413, 0.0771, 0.333])
    return table[(weight[..., None] - table).abs().argmin(-1)]


@pytest.mark.parametrize(
    ("quantize", "names"),
    [
        (ternary, {"levels", "scale"}),
        (rounded_to_powers, {"levels", "scale"}),
        (nearest_of_four, {"index", "table"}),
        (torch.zeros_like, {"levels", "scale"}),
        (torch.clone, set()),
    ],
)
def test_any_levels(quantize: Callable[[Tensor], Tensor], names: set[str]) -> None:
    quantized = quantize(weights())
    parts = encode(quantized)
    assert set(parts) == names
    if names:
        assert identical(decode(parts), quantized + 0.0)


def test_ternary_levels_are_minus_one_zero_and_one() -> None:
    parts = encode(ternary(weights()))
    assert parts["levels"].unique().tolist() == [-1, 0, 1]
    assert parts["scale"].shape == (16,)


@given(st.integers(0, 2**32 - 1), st.integers(1, 300), st.sampled_from([(4, 50), (1, 2000), (3, 2, 5, 5)]))
def test_tables_hold_any_values(seed: int, levels: int, shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(seed)
    table = torch.randn(levels, generator=generator)
    quantized = table[torch.randint(levels, shape, generator=generator)]
    parts = encode(quantized)
    if parts:
        assert stored_bits(parts) < 8 * quantized.nbytes
        assert identical(decode(parts), quantized + 0.0)


@pytest.mark.parametrize(
    "weight", [torch.full((4, 50), torch.nan), torch.zeros(4, 50, dtype=torch.float64), torch.tensor(1.0)]
)
def test_what_cannot_be_taken_apart_is_left(weight: Tensor) -> None:
    assert encode(weight) == {}


@pytest.mark.parametrize(
    "parts",
    [
        {"scale": torch.ones(1)},
        {"index": torch.zeros(2, 3, dtype=torch.uint8), "levels": torch.zeros(2, 3, dtype=torch.int8)},
        {"index": torch.full((2, 3), 9, dtype=torch.uint8), "table": torch.zeros(1, 4)},
        {"levels": torch.zeros(2, 3, dtype=torch.int8), "table": torch.zeros(1, 4)},
        {"signs": torch.zeros(2, 3, dtype=torch.uint8)},
    ],
)
def test_parts_that_do_not_fit_are_refused(parts: dict[str, Tensor]) -> None:
    with pytest.raises(ValueError, match="parts"):
        decode(parts)
