"""Quantizers of membrane potentials as a sidecar holds them, and back."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from snnbench.builtin.uniform import Uniform, uniform
from snnbench.errors import GraphError
from snnbench.exchange.cuba import CubaLIFNeuron
from snnbench.exchange.sidecar import SidecarLevels, SidecarMembrane, vector
from snnbench.nn.neurons import SpikingNeuron
from snnbench.quant.packing import bits_for

_MOST_LEVELS = 2**12


class Levels(nn.Module):
    """Rounds to the nearest of some levels (L,), of two as near to the first: snnTorch 1.0's ``state_quant``."""

    levels: Tensor

    def __init__(self, levels: Tensor) -> None:
        super().__init__()
        self.register_buffer("levels", levels)

    def forward(self, x: Tensor) -> Tensor:
        """The quantized potentials, of the same shape."""
        nearest = self.levels[0].expand_as(x)
        least = (nearest - x).abs()
        for level in self.levels[1:]:  # one after the other: a file may list thousands
            distance = (level - x).abs()
            nearest, least = torch.where(distance < least, level, nearest), torch.minimum(distance, least)
        return nearest


def describe_membrane(name: str, module: SpikingNeuron) -> SidecarMembrane | SidecarLevels | None:
    """The quantizer of the membrane of layer `name`; None if it has none.

    Raises:
        GraphError: if it is neither a uniform one with one range for the layer nor one of listed levels.
    """
    quantizer = module.state_quantizer
    unit = module.unit if isinstance(module, CubaLIFNeuron) else None
    if quantizer is None:
        return None
    if isinstance(quantizer, Levels):
        if len(quantizer.levels) > _MOST_LEVELS:
            raise GraphError(f"layer '{name}' has {len(quantizer.levels)} levels; a sidecar lists {_MOST_LEVELS}")
        levels = vector(quantizer.levels)
        return SidecarLevels(bits=bits_for(len(levels)), levels=levels, site=module.site, unit=unit)
    if not isinstance(quantizer, Uniform) or quantizer.bound is None or quantizer.bound.numel() != 1:
        raise GraphError(
            f"layer '{name}' has a membrane quantizer {type(quantizer).__name__}; a sidecar holds uniform ones with"
            " one range a layer, and lists of levels: another is code, which no document holds"
        )
    return SidecarMembrane(
        bits=quantizer.bits,
        grid=quantizer.grid,
        range=quantizer.range,
        bound=float(quantizer.bound),
        site=module.site,
        unit=unit,
    )


def build_quantizer(membrane: SidecarMembrane | SidecarLevels) -> nn.Module:
    """The quantizer itself."""
    if isinstance(membrane, SidecarLevels):
        return Levels(torch.tensor(membrane.levels))
    quantizer = uniform(torch.full((1,), torch.nan), bits=membrane.bits, grid=membrane.grid, range=membrane.range)
    assert isinstance(quantizer, Uniform)
    quantizer.bound = torch.tensor(membrane.bound)
    return quantizer
