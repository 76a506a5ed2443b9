"""Networks that quantize themselves, as they run: SpikingJelly's k-bit functions, snnTorch's states, Brevitas."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
import torch
import torch.nn.functional as F
from oracles.networks import batches, library
from torch import Tensor, nn

import snnbench
from snnbench.builtin.uniform import uniform
from snnbench.nn import sew_resnet8
from snnbench.nn.libraries import reset_states
from snnbench.quant import quantize_membranes
from snnbench.quant.products import ProductWeights


def k_bit_network(bits: int) -> nn.Module:
    """As SpikingJelly's documentation writes it: clamped to [0, 1], rounded, and put on its scale again."""
    layer, neuron = library("spikingjelly.activation_based.layer"), library("spikingjelly.activation_based.neuron")
    ops = library("spikingjelly.activation_based.quantize")

    class Rounded(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            scaled = ops.clamp_by_linear(self.weight)
            return F.linear(x, 2 * ops.k_bit_quantize(scaled, bits) - 1, self.bias)

    class Bare(nn.Module):
        """No linear layer of PyTorch's, only a parameter."""

        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Parameter(torch.randn(10, 30))

        def forward(self, x: Tensor) -> Tensor:
            return F.linear(x, weight=ops.step_quantize(self.table, step=0.5))

    return nn.Sequential(layer.Flatten(), Rounded(64, 30), neuron.IFNode(0.5), Bare())


def test_k_bit_functions_of_spikingjelly() -> None:
    torch.manual_seed(0)
    network = k_bit_network(3)
    card = snnbench.report(network, network, batches(1), timesteps=4)["quantized"]
    rounded, bare = card.weights
    assert (rounded.layer, rounded.found_bits, rounded.is_float) == ("1", 3, False)
    assert (bare.layer, bare.found_bits) == (
        "3.table",
        (len((network[3].table / 0.5).round().unique()) - 1).bit_length(),
    )
    assert card.floats == ()
    assert card.value("float_share") == 0
    assert card.value("weight_bytes") == (rounded.packed_bits + bare.packed_bits) / 8000
    plain = snnbench.report(network, snnbench.quantize(network, "uniform", bits=4, exempt=()), batches(1), timesteps=4)
    assert plain["quantized"].weights[0].declared_bits == 4  # the quantizer that snnbench put on is read as ever


@pytest.mark.parametrize(("bits", "delay"), [(2, True), (4, True), (2, False)])
def test_states_of_snntorch(bits: int, delay: bool) -> None:
    """What is kept for the next step lies on as many levels; of a reset at once, those below the threshold."""
    snn, quant = library("snntorch"), library("snntorch.functional.quant")
    torch.manual_seed(0)
    lif = snn.Leaky(beta=0.9, init_hidden=True, state_quant=quant.state_quant(num_bits=bits), reset_delay=delay)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 30), lif, nn.Linear(30, 10))
    network[1].weight.data *= 4
    seen: list[Tensor] = []
    with torch.no_grad():
        for images, _ in batches(1):
            reset_states(network)
            for _ in range(4):
                network(images)
                seen.append(lif.mem)
    card = snnbench.report(network, network, batches(1), timesteps=4)["quantized"]
    levels = len(torch.cat([each.flatten() for each in seen]).unique())
    assert 2 ** (bits - 1) < levels <= 2**bits
    assert card.state_bits == {"2": bits}
    assert card.value("found_state_bits") == bits


@pytest.mark.parametrize("site", ["pre_spike", "post_reset"])
def test_states_of_snnbench(site: Any) -> None:
    torch.manual_seed(0)
    network = sew_resnet8(2, 10, 4, channels=1, bn_scale=3.0).eval()
    quantized = sew_resnet8(2, 10, 4, channels=1, bn_scale=3.0).eval()
    quantized.load_state_dict(network.state_dict())
    quantize_membranes(quantized, lambda _, tensor: uniform(tensor, bits=3), site, (1, 8, 8))
    cards = snnbench.report(network, quantized, batches(1, 5))
    assert cards["reference"].value("found_state_bits") == 32
    assert set(cards["quantized"].state_bits.values()) <= {1, 2, 3}


class QuantTensor(NamedTuple):
    """What Brevitas hands to PyTorch's functions: no tensor, but one that answers for itself."""

    value: Tensor
    scale: float

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*(each.value if isinstance(each, cls) else each for each in args), **(kwargs or {}))


class Answering(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, QuantTensor(self.weight.sign(), 1.0), self.bias)  # type: ignore[arg-type]


def test_weights_that_are_no_tensors() -> None:
    network = nn.Sequential(Answering(3, 2), nn.Linear(2, 2))
    products = ProductWeights(network)
    with products, torch.no_grad():
        network(torch.ones(1, 3))
    assert torch.equal(products.weights["0"], network[0].weight.sign())
    assert torch.equal(products.weights["1"], network[1].weight)


def test_a_pass_that_fails_leaves_nothing_behind() -> None:
    network = nn.Sequential(nn.Linear(3, 2), nn.Linear(5, 2))
    products = ProductWeights(network)
    with pytest.raises(RuntimeError, match="shapes"), products:
        network(torch.ones(1, 3))
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())
    assert products._running == []
