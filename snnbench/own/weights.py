"""The bits that a network's weights hold, read from the weights alone, and the share of them that stays in float."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from snnbench.errors import FiringError
from snnbench.nn.synapses import matrices
from snnbench.quant.apply import quantizers
from snnbench.quant.audit import IN_FLOAT_ABOVE, basis_of, is_used, most_levels, multiplied
from snnbench.quant.coding import pack
from snnbench.quant.packing import NUMBER_BITS, bits_for


@dataclass(frozen=True)
class WeightBits:
    """One matrix of weights.

    Attributes:
        layer: its name.
        weights: number of weights.
        declared_bits: bits that its quantizer was asked for; None if snnbench did not put one on it.
        found_bits: bits that number the distinct values of the output channel that has most; 32 in float.
        packed_bits: the least storage of the matrix, with scales and levels, in bits.
    """

    layer: str
    weights: int
    declared_bits: int | None
    found_bits: int
    packed_bits: int

    @property
    def is_float(self) -> bool:
        """Whether the weights are in full precision."""
        return self.found_bits == NUMBER_BITS


@torch.no_grad()
def weight_bits(model: nn.Module, used: Mapping[str, torch.Tensor] | None = None) -> tuple[WeightBits, ...]:
    """A row for every matrix of weights, in network order.

    A matrix that no quantizer of snnbench is on counts as quantized where an index a weight and a table of levels take
    at most 16 bits a weight, so that a network of one's own quantizer is read, too.

    Args:
        model: the network.
        used: name of a module -> the weight that it multiplied with, where it makes it out of its parameter itself.

    Raises:
        FiringError: if the network has no weights.
    """
    made, used = quantizers(model), used or {}
    known = matrices(model)
    rows = [_row(name, multiplied(matrix.layer, matrix.weight, used), made.get(name)) for name, matrix in known.items()]
    paths = {matrix.path for matrix in known.values()}
    others = [
        _row(path, multiplied(path.rpartition(".")[0], value, used), None)
        if is_used(path.rpartition(".")[0], value, used)
        else WeightBits(path, value.numel(), None, NUMBER_BITS, NUMBER_BITS * value.numel())
        for path, value in model.named_parameters()
        if value.ndim > 1 and path not in paths and ".parametrizations." not in path
    ]
    if not rows and not others:
        raise FiringError(f"{type(model).__name__} has no weights")
    return (*rows, *others)


def float_share(rows: tuple[WeightBits, ...]) -> float:
    """Share of the weights that stay in full precision, in [0, 1]; biases and batch norms are no weights."""
    return sum(row.weights for row in rows if row.is_float) / sum(row.weights for row in rows)


def _row(name: str, weight: torch.Tensor, quantizer: nn.Module | None) -> WeightBits:
    packing = pack(weight, basis_of(quantizer) if quantizer is not None else None)
    declared = getattr(quantizer, "declared_bits", None)
    in_float = packing.bits > IN_FLOAT_ABOVE * weight.numel() if quantizer is None else declared == NUMBER_BITS
    found = NUMBER_BITS if in_float else bits_for(most_levels(weight))
    return WeightBits(name, weight.numel(), declared, found, packing.bits)
