"""Whole numbers as a stream of bits: how a quantized tensor is stored, and what that takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

NUMBER_BITS = 32
"""Size of a scale, a basis number, a level, or a weight that is not quantized."""

WHOLE = ("levels", "index", "signs", "bits")
"""Names of parts that are whole numbers; all other parts are float32."""

Codebook = Literal["grid", "basis", "list", "raw"]
Whole = NDArray[np.int64]

_KINDS = (np.int8, np.uint8, np.int16, np.uint16)


class CodeLayout(NamedTuple):
    """Each number is ``low + step * code``, and a code takes `bits` bits of the stream, lowest first."""

    bits: int
    low: int
    step: int


def bits_for(levels: int) -> int:
    """The fewest bits that number `levels` values; at least 1."""
    return max(1, (levels - 1).bit_length())


def layout_of(parts: Mapping[str, Tensor]) -> tuple[str, CodeLayout]:
    """The part that is whole numbers, and the layout with fewest bits; codes of a basis have one for each number."""
    name = next(name for name in WHOLE if name in parts)
    if "basis" in parts:
        return name, CodeLayout(parts["basis"].shape[1], 0, 1)
    numbers = parts[name].numpy().astype(np.int64)
    low = int(numbers.min())
    step = int(np.gcd.reduce(numbers.reshape(-1) - low)) or 1
    return name, CodeLayout(bits_for((int(numbers.max()) - low) // step + 1), low, step)


def stored_bits(parts: Mapping[str, Tensor]) -> int:
    """Size of all `parts` in bits: the stream of codes in whole bytes, and the numbers that they stand for."""
    name, layout = layout_of(parts)
    numbers = sum(part.numel() for key, part in parts.items() if key != name)
    return 8 * stream_bytes(parts[name].numel(), layout.bits) + NUMBER_BITS * numbers


def stream_bytes(numbers: int, bits: int) -> int:
    """Bytes that so many codes take."""
    return -(-numbers * bits // 8)


def to_stream(numbers: NDArray[Any], layout: CodeLayout) -> NDArray[np.uint8]:
    """The bytes (n,) of whole `numbers`, in row-major order."""
    codes = (numbers.reshape(-1).astype(np.int64) - layout.low) // layout.step
    return np.packbits((codes[:, None] >> np.arange(layout.bits) & 1).astype(np.uint8), bitorder="little")


def from_stream(stream: NDArray[np.uint8], layout: CodeLayout, count: int) -> NDArray[Any]:
    """What `to_stream` was given, flat and in the smallest type that holds it.

    Raises:
        ValueError: if the stream is not of `count` codes, and zeros up to a whole byte.
    """
    if stream.dtype != np.uint8 or stream.shape != (stream_bytes(count, layout.bits),):
        raise ValueError(f"{stream.size} bytes are not {count} codes of {layout.bits} bits")
    bits = np.unpackbits(stream, bitorder="little")
    if bits[count * layout.bits :].any():
        raise ValueError(f"a stream of {count} codes goes on after the last")
    rows = bits[: count * layout.bits].reshape(count, layout.bits)
    return narrow(layout.low + layout.step * (rows.astype(np.int64) << np.arange(layout.bits)).sum(axis=1))


def narrow(whole: Whole) -> NDArray[Any]:
    """The numbers in the first of int8, uint8, int16 and uint16 that holds them, else in int64."""
    low, high = (int(whole.min()), int(whole.max())) if whole.size else (0, 0)
    kind = next((k for k in _KINDS if np.iinfo(k).min <= low and high <= np.iinfo(k).max), np.int64)
    return whole.astype(kind)
