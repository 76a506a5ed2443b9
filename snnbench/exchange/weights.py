"""Quantized weights in a sidecar: what their values are made of, and whether a graph's weights are such values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from snnbench.errors import GraphError
from snnbench.exchange.sidecar import SidecarWeights, vector
from snnbench.quant.audit import most_levels
from snnbench.quant.coding import FORMULAS, encode
from snnbench.quant.packing import WHOLE, bits_for

AS_STORED = "as stored"
_MOST_LEVELS = 256


@dataclass(frozen=True)
class Declared:
    """What is known of a layer's weights besides their values: their bits, and a basis of their levels."""

    bits: int | None = None
    basis: Tensor | None = None


def describe_weights(weight: Tensor, declared: Declared | None) -> SidecarWeights | None:
    """What `weight` (channels, ...) is made of; None if it is in full precision.

    Without `declared`, the values alone decide: few levels that are smaller stored as such.
    """
    parts = encode(weight, declared.basis if declared else None)
    levels = most_levels(weight)
    if declared is None and (not parts or levels > _MOST_LEVELS):
        return None
    numbers: dict[str, Any] = {name: part.tolist() for name, part in parts.items() if name not in WHOLE}
    return SidecarWeights(
        bits=(declared.bits if declared else None) or bits_for(levels),
        levels=levels,
        value=FORMULAS.get(frozenset(parts), AS_STORED),
        zero_point=_zero_point(parts),
        **numbers,
    )


def _zero_point(parts: Mapping[str, Tensor]) -> list[float] | None:
    if "scale" not in parts:
        return None
    scale = parts["scale"].double()
    return vector(-parts["origin"] / scale if "origin" in parts else torch.zeros_like(scale))


def check_weights(name: str, weight: NDArray[Any], said: SidecarWeights) -> None:
    """Refuse weights that are not among the levels that their sidecar says.

    Raises:
        GraphError: naming the node.
    """
    rows = np.asarray(weight, np.float32).reshape(len(weight), -1)
    found = max(len(np.unique(row)) for row in rows)
    if found > said.levels:
        raise GraphError(f"node '{name}' has {found} levels in one channel, and its sidecar says {said.levels}")
    for field in ("scale", "origin", "zero_point", "basis", "table"):
        numbers = getattr(said, field)
        if numbers is not None and len(numbers) not in (1, len(rows)):
            raise GraphError(f"node '{name}' has {len(rows)} channels, and its sidecar {len(numbers)} of {field}")
    if not all(_among(row, index, said) for index, row in enumerate(rows)):
        raise GraphError(f"node '{name}' has weights that are not of the levels that its sidecar says ({said.value})")


def _among(row: NDArray[np.float32], index: int, said: SidecarWeights) -> bool:
    def own(numbers: Any) -> NDArray[np.float32]:
        return np.asarray(numbers[index if len(numbers) > 1 else 0], np.float32)

    if said.table is not None:
        return bool(np.isin(row, own(said.table)).all())
    if said.basis is not None:
        return bool(np.isin(row, _sums(own(said.basis), said.value)).all())
    if said.scale is None:
        return said.value == AS_STORED
    scale = own(said.scale)
    origin = own(said.origin) if said.origin is not None else np.float32(0)
    whole = np.rint((row - origin) / (scale or np.float32(1))).astype(np.float32)
    zero = own(said.zero_point) if said.zero_point is not None else np.float32(0)
    return bool((origin + whole * scale == row).all()) and bool(np.isclose(origin, -zero * scale, rtol=1e-5, atol=1e-8))


def _sums(basis: NDArray[np.float32], value: str) -> NDArray[np.float32]:
    """All sums of a basis, added term by term as `snnbench.quant.coding` adds them."""
    if len(basis) > 8:
        return basis[:0]
    signed = "negative" in value
    sums = np.zeros(1, np.float32)
    for term in basis:
        sums = np.concatenate([sums - term if signed else sums, sums + term])
    return sums
