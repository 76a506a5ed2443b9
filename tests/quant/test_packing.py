"""Whole numbers as a stream of bits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from snnbench.quant.packing import CodeLayout, from_stream, layout_of, stored_bits, stream_bytes, to_stream


@given(st.lists(st.integers(0, 200), min_size=1, max_size=50), st.integers(-300, 300), st.integers(1, 9))
def test_a_stream_is_read_back(codes: list[int], low: int, step: int) -> None:
    numbers = low + step * np.array(codes)
    _, layout = layout_of({"levels": torch.from_numpy(numbers)})
    stream = to_stream(numbers, layout)
    assert len(stream) == stream_bytes(len(codes), layout.bits)
    assert from_stream(stream, layout, len(codes)).tolist() == numbers.tolist()
    assert 2**layout.bits >= len(set(codes))


@given(st.lists(st.integers(0, 7), min_size=1, max_size=20))
def test_the_bits_are_those_of_a_plain_loop(codes: list[int]) -> None:
    whole = sum(code << 3 * place for place, code in enumerate(codes))
    expected = whole.to_bytes(stream_bytes(len(codes), 3), "little")
    assert to_stream(np.array(codes), CodeLayout(3, 0, 1)).tobytes() == expected


def test_odd_numbers_take_a_bit_less() -> None:
    assert layout_of({"levels": torch.tensor([-15, 15, -1, 3])})[1] == CodeLayout(4, -15, 2)
    assert layout_of({"levels": torch.tensor([7, 7])})[1] == CodeLayout(1, 7, 1)
    assert layout_of({"signs": torch.tensor([0, 1]), "basis": torch.zeros(1, 3)})[1] == CodeLayout(3, 0, 1)


def test_size_is_of_the_stream_and_of_the_numbers() -> None:
    parts = {"index": torch.tensor([[0, 3, 1], [2, 1, 1]]), "table": torch.zeros(2, 4)}
    assert stored_bits(parts) == 8 * 2 + 32 * 8


@pytest.mark.parametrize("stream", [[1, 2, 3], [255, 255], [[1, 0]]])
def test_a_stream_of_another_length_is_refused(stream: list[int]) -> None:
    with pytest.raises(ValueError, match="codes"):
        from_stream(np.array(stream, np.uint8), CodeLayout(3, 0, 1), 5)
