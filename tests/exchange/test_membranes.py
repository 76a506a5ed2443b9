"""Quantizers of potentials that list their levels, against snnTorch's own."""

from __future__ import annotations

import pytest
import torch
from oracles.networks import library

from snnbench.errors import GraphError
from snnbench.exchange.cuba import CubaLIFNeuron
from snnbench.exchange.membranes import Levels, build_quantizer, describe_membrane


@pytest.mark.parametrize("bits", [1, 3, 8])
@pytest.mark.parametrize("options", [{}, {"uniform": False}, {"uniform": False, "thr_centered": False}], ids=str)
def test_levels_round_as_snntorch_does(bits: int, options: dict[str, bool]) -> None:
    torch.manual_seed(0)
    quantizer = library("snntorch.functional.quant").state_quant(num_bits=bits, threshold=0.7, **options)
    levels = next(cell.cell_contents for cell in quantizer.__closure__)
    middles = (levels[1:] + levels[:-1]) / 2
    potentials = torch.cat([torch.randn(2000), levels, middles, torch.tensor([1e9, -1e9])])
    assert torch.equal(Levels(levels)(potentials), quantizer(potentials))


def test_levels_go_through_a_sidecar() -> None:
    neuron = CubaLIFNeuron()
    neuron.state_quantizer, neuron.unit = Levels(torch.tensor([-0.1, 0.3, 0.7])), 1.0
    described = describe_membrane("a", neuron)
    assert described is not None
    assert (described.bits, described.site, described.unit) == (2, "post_reset", 1.0)
    built = build_quantizer(described)
    assert isinstance(built, Levels)
    assert torch.equal(built.levels, torch.tensor([-0.1, 0.3, 0.7]))


def test_too_many_levels() -> None:
    neuron = CubaLIFNeuron()
    neuron.state_quantizer = Levels(torch.linspace(0, 1, 5000))
    with pytest.raises(GraphError, match="layer 'a' has 5000 levels; a sidecar lists 4096"):
        describe_membrane("a", neuron)
