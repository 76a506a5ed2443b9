"""Putting quantizers on a model: coverage, exemptions, baking, membranes."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
import torch
import torch.multiprocessing as mp
from oracles.processes import run_parallel_network
from torch import nn

from snnbench.builtin.lqnet import lqnet
from snnbench.builtin.uniform import uniform
from snnbench.errors import OptionError, ProtocolError
from snnbench.nn import sew_resnet8
from snnbench.quant import bake, quantize_membranes, quantize_weights, quantizers, straight_through, weight_layers


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return sew_resnet8(4, 10, 2, bn_scale=2.0).eval()


def test_first_convolution_and_classifier_stay_in_full_precision(network: nn.Module) -> None:
    before = {name: module.weight.detach().clone() for name, module in weight_layers(network).items()}
    coverage = quantize_weights(network, lambda name, w: uniform(w, bits=2))
    assert coverage.full_precision == ("stem.conv", "fc")
    assert len(coverage.quantized) == 8
    for name, module in weight_layers(network).items():
        assert torch.equal(module.weight, before[name]) == (name in coverage.full_precision)


def test_exempt_layers_are_named_and_checked(network: nn.Module) -> None:
    assert quantize_weights(copy.deepcopy(network), lambda n, w: uniform(w, bits=2), ["fc"]).full_precision == ("fc",)
    with pytest.raises(ProtocolError, match="'fcc' is not a layer"):
        quantize_weights(network, lambda name, w: uniform(w, bits=2), ["fcc"])
    with pytest.raises(OptionError, match="no layer"):
        quantize_weights(nn.Linear(2, 2), lambda name, w: uniform(w, bits=2))
    with pytest.raises(OptionError, match="it has no linear layer, convolution or recurrent cell"):
        quantize_weights(nn.Sequential(nn.ReLU()), lambda name, w: uniform(w, bits=2), ())


def test_baking_keeps_the_values_and_drops_the_quantizers(network: nn.Module) -> None:
    quantize_weights(network, lambda name, w: lqnet(w, bits=3))
    images = torch.randn(4, 3, 8, 8)
    expected = network(images)
    bake(network)
    assert not quantizers(network)
    assert torch.equal(network(images), expected)
    assert all("parametrizations" not in name for name in network.state_dict())


@pytest.mark.parametrize("baked", ["copy", "original"])
def test_a_deep_copy_and_its_original_are_baked_apart(baked: str) -> None:
    network = nn.Sequential(nn.Linear(4, 4), nn.utils.parametrizations.weight_norm(nn.Linear(4, 4)))
    quantize_weights(network.eval(), lambda name, w: lqnet(w, bits=2), ())
    images = torch.randn(4, 4)
    expected = network(images)
    twin = copy.deepcopy(network)
    bake(twin if baked == "copy" else network)
    assert torch.equal(network(images), expected)
    assert torch.equal(twin(images), expected)
    assert sorted(map(len, (quantizers(network), quantizers(twin)))) == [0, 2]
    bake(twin if baked == "original" else network)
    assert torch.equal(network(images), expected)
    assert torch.equal(twin(images), expected)


def test_a_quantized_network_survives_deepcopy_and_state_dict(network: nn.Module) -> None:
    quantize_weights(network, lambda name, w: lqnet(w, bits=2))
    twin = copy.deepcopy(network)
    images = torch.randn(2, 3, 8, 8)
    assert torch.equal(twin(images), network(images))
    network.train()(images)
    assert all(int(q.refits) == 1 for q in quantizers(network).values())
    assert all(int(q.refits) == 0 for q in quantizers(twin).values())
    twin.load_state_dict(network.state_dict())
    assert torch.equal(twin.eval()(images), network.eval()(images))


def test_autocast_leaves_the_levels_alone(network: nn.Module) -> None:
    quantize_weights(network, lambda name, w: lqnet(w, bits=4))
    conv = network.blocks[0].layer1.conv
    expected = conv.weight
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(conv.weight, expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_autocast_leaves_the_levels_of_membranes_alone(network: nn.Module, dtype: torch.dtype) -> None:
    """In bfloat16 the sums of a basis of 8 bits would be off by more than the distance of two levels."""
    quantize_membranes(network, lambda name, like: lqnet(like, bits=8), "post_reset", (3, 8, 8))
    neuron, stored = network.stem.neuron, []
    neuron.state_quantizer.basis.mul_(0.737)
    watching = neuron.state_quantizer.register_forward_hook(lambda _m, given, out: stored.append((given[0], out)))
    current = torch.randn(3, 2, 4, 8, 8).to(dtype)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert neuron.eval()(current).dtype == dtype
    watching.remove()
    for given, found in stored:
        assert given.dtype == torch.float32
        assert torch.equal(found, neuron.state_quantizer(given))


@pytest.mark.parametrize("site", ["pre_spike", "post_reset"])
def test_membranes_hold_few_levels_where_they_are_stored(network: nn.Module, site: str) -> None:
    channels = []

    def make(name: str, tensor: torch.Tensor) -> nn.Module:
        channels.append(len(tensor))
        assert tensor.isnan().all()
        return uniform(tensor, bits=2, range="unsigned")

    names = quantize_membranes(network, make, site, (3, 8, 8))
    assert len(names) == 9
    assert channels == [4, 4, 4, 8, 8, 8, 16, 16, 16]
    neuron = network.stem.neuron
    seen = []
    neuron.state_quantizer.register_forward_hook(lambda _m, _i, out: seen.append(out))
    network(torch.randn(2, 3, 8, 8))
    assert neuron.site == site
    assert torch.cat(seen).unique().numel() <= 4


def test_straight_through_returns_the_levels_bit_for_bit() -> None:
    x = torch.randn(1000, requires_grad=True)
    levels = torch.round(x.detach() * 7) / 7
    y = straight_through(levels, x)
    y.sum().backward()
    assert torch.equal(y, levels)
    assert x.grad.eq(1).all()


def test_modules_keep_their_modes_when_membranes_are_quantized(network: nn.Module) -> None:
    network.train()
    network.get_submodule("stem.bn").eval()
    quantize_membranes(network, lambda name, like: uniform(like, bits=4), "post_reset", (3, 8, 8))
    frozen = [name for name, module in network.named_modules() if not module.training]
    assert [name for name in frozen if not name.endswith("state_quantizer")] == ["stem.bn"]


def test_a_data_parallel_network_is_quantized_by_the_names_of_the_network(network: nn.Module) -> None:
    coverage = quantize_weights(nn.DataParallel(network), lambda name, weight: uniform(weight, bits=4))
    assert coverage.full_precision == ("stem.conv", "fc")
    assert set(quantizers(network)) == set(quantizers(nn.DataParallel(network))) == set(coverage.quantized)


@pytest.mark.slow
def test_networks_under_distributed_data_parallel_are_those_that_they_hold(tmp_path: Path) -> None:
    """Names, counts and gradients, over two processes of real torch.distributed."""
    processes = mp.spawn(run_parallel_network, (str(tmp_path),), nprocs=2, join=False, daemon=True)
    assert any(processes.join(timeout=120) for _ in range(2)), "a process hangs"
    for rank in range(2):
        found = json.loads((tmp_path / f"{rank}.json").read_text("utf-8"))
        assert found["coverage"] == found["quantizers"]
        assert found["full precision"] == ["stem.conv", "fc"]
        assert found["same firing"] is found["same operations"] is True
        assert found["refits"] == [1] * len(found["coverage"])
        assert not any(name.startswith("module.") for name in (*found["layers"], *found["coverage"]))
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
