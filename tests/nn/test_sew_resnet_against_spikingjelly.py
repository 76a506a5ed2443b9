"""Neurons and SEW-ResNet against SpikingJelly: equal spikes, equal gradients."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from snnbench.nn import sew_resnet8, sew_resnet18, sew_resnet34
from snnbench.nn.neurons import NEURONS

pytest.importorskip("spikingjelly")
from oracles.sew_resnet import OracleSEWResNet, oracle_neuron, spikes_of

BLOCKS = {sew_resnet8: [1, 1, 1], sew_resnet18: [2, 2, 2, 2], sew_resnet34: [3, 4, 6, 3]}
GRID = [(n, r, c) for n in ("if", "lif", "plif") for r in ("hard", "soft") for c in ("ADD", "AND", "IAND")]


def lively(model: nn.Module, seed: int) -> None:
    """Random statistics and scales that make every layer fire, but not always."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            shape = module.weight.shape
            module.weight.data.copy_(1 + 2 * torch.rand(shape, generator=generator))
            module.bias.data.copy_(0.3 + 0.5 * torch.rand(shape, generator=generator))
            module.running_mean.copy_(0.2 * torch.randn(shape, generator=generator))
            module.running_var.copy_(0.5 + torch.rand(shape, generator=generator))


def pair(build, neuron: str, reset: str, connect: str) -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    ours = build(8, 10, 4, connect, neuron=neuron, reset=reset)
    lively(ours, seed=1)
    theirs = OracleSEWResNet(BLOCKS[build], 8, 4, connect, neuron, reset)
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


@pytest.mark.parametrize(("neuron", "reset", "connect"), GRID)
def test_spikes_equal_at_every_layer_and_step(neuron: str, reset: str, connect: str) -> None:
    ours, theirs = pair(sew_resnet8, neuron, reset, connect)
    images = torch.randn(6, 3, 16, 16)
    mine, logits = spikes_of(ours.eval(), images)
    oracle, expected = spikes_of(theirs.eval(), images)
    assert list(mine) == list(oracle)
    assert len(mine) == 9
    assert 0 < sum(s.sum() for s in mine.values()) < sum(s.numel() for s in mine.values())
    for name, spikes in mine.items():
        assert torch.equal(spikes, oracle[name]), name
    assert torch.allclose(logits, expected, atol=1e-6)


@pytest.mark.parametrize(("build", "layers"), [(sew_resnet18, 20), (sew_resnet34, 36)])
def test_deeper_networks_fire_alike(build, layers: int) -> None:
    ours, theirs = pair(build, "lif", "hard", "ADD")
    images = torch.randn(2, 3, 32, 32)
    mine, _ = spikes_of(ours.eval(), images)
    oracle, _ = spikes_of(theirs.eval(), images)
    assert len(mine) == layers
    assert all(torch.equal(spikes, oracle[name]) for name, spikes in mine.items())


@pytest.mark.parametrize(("neuron", "reset", "connect"), GRID)
def test_gradients_equal_in_float64(neuron: str, reset: str, connect: str) -> None:
    ours, theirs = pair(sew_resnet8, neuron, reset, connect)
    images, labels = torch.randn(4, 3, 8, 8, dtype=torch.float64), torch.arange(4)
    for model in (ours, theirs):
        model.double().train()
        nn.functional.cross_entropy(model(images), labels).backward()
    expected = dict(theirs.named_parameters())
    assert any(parameter.grad.abs().max() > 1e-4 for parameter in ours.parameters())
    for name, parameter in ours.named_parameters():
        assert torch.allclose(parameter.grad, expected[name].grad, rtol=1e-5, atol=1e-9), name


@pytest.mark.parametrize("name", ["if", "lif", "plif"])
@pytest.mark.parametrize("reset", ["hard", "soft"])
@pytest.mark.parametrize("decay_input", [True, False])
@pytest.mark.parametrize("detach_reset", [True, False])
def test_neuron_alone(name: str, reset: str, decay_input: bool, detach_reset: bool) -> None:
    options = {"reset": reset, "detach_reset": detach_reset}
    if name != "if":
        options["decay_input"] = decay_input
    ours, theirs = NEURONS[name](**options).double(), oracle_neuron(name, reset, decay_input, detach_reset).double()
    x = (2 * torch.randn(7, 5, 3, dtype=torch.float64)).requires_grad_()
    y = x.detach().clone().requires_grad_()
    mine, oracle = ours(x), theirs(y)
    assert torch.equal(mine, oracle)
    assert 0 < mine.sum() < mine.numel()
    weights = torch.randn_like(mine)
    (mine * weights).sum().backward()
    (oracle * weights).sum().backward()
    assert torch.allclose(x.grad, y.grad, rtol=1e-5, atol=1e-12)
