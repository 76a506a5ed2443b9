"""Units of quantized membranes: the neuron's threshold as it is, learned or not."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from oracles.networks import library
from torch import Tensor, nn

import snnbench
from snnbench.errors import OptionError
from snnbench.exchange.foreign import own_neuron
from snnbench.own.membranes import InThresholds

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
FIELDS = {"snntorch": "threshold", "spikingjelly": "v_threshold"}


def learning(name: str) -> nn.Module:
    """A spiking layer whose threshold is a parameter."""
    if name == "snntorch":
        leaky: nn.Module = library("snntorch").Leaky(0.9, threshold=0.5, learn_threshold=True, init_hidden=True)
        return leaky
    node: nn.Module = library("spikingjelly.activation_based.neuron").IFNode(v_reset=None)
    node.v_threshold = nn.Parameter(torch.tensor(0.5))
    return node


def quantized(name: str) -> tuple[nn.Module, nn.Module]:
    """A network, and the same with membranes of 3 bits."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(6, 9), learning(name), nn.Linear(9, 3))
    return network, snnbench.quantize(network, "uniform", 8, exempt=(), membrane="uniform", membrane_bits=3)


def holder(network: Any) -> InThresholds:
    (found,) = (module for module in network.modules() if isinstance(module, InThresholds))
    return found


def theta(network: Any, name: str) -> float:
    return float(getattr(network[1], FIELDS[name]).detach())


def data() -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(1)
    images = (torch.randn(20, 6, generator=generator) for _ in range(4))
    return [(each, torch.randint(3, (20,), generator=generator)) for each in images]


@pytest.mark.parametrize("name", FIELDS)
def test_fine_tuning_learns_the_threshold_and_the_unit_of_the_membrane_is_it(name: str) -> None:
    network, few = quantized(name)
    tuned = snnbench.finetune(few, network, data(), epochs=2, learning_rate=0.1, timesteps=4).network
    learned = theta(tuned, name)
    assert abs(learned - 0.5) > 1e-3
    potentials = torch.linspace(-2, 2, 41)
    with torch.no_grad():
        expected = holder(tuned).quantizer(potentials / learned) * learned
        assert torch.equal(holder(tuned)(potentials), expected)
    assert theta(network, name) == theta(few, name) == 0.5
    assert {key for key in tuned.state_dict() if "quant" in key} == {key for key in few.state_dict() if "quant" in key}


@pytest.mark.parametrize("name", FIELDS)
def test_the_unit_has_the_gradient_of_the_quotient_and_the_product(name: str) -> None:
    _, few = quantized(name)
    threshold = getattr(few[1], FIELDS[name])
    potentials = torch.linspace(-0.4, 0.4, 9)
    holder(few)(potentials).sum().backward()
    units, slopes = (potentials / 0.5).requires_grad_(), []
    codes = holder(few).quantizer(units)
    for code, slope, unit in zip(codes, torch.autograd.grad(codes.sum(), units)[0], units, strict=True):
        slopes.append(code.item() - slope.item() * unit.item())  # of q(v / theta) theta: q - q' v / theta
    assert float(threshold.grad) == pytest.approx(sum(slopes), rel=1e-5)
    assert abs(sum(slopes)) > 0.1


@pytest.mark.parametrize("name", FIELDS)
def test_a_copy_has_the_unit_of_its_own_neuron(name: str) -> None:
    _, few = quantized(name)
    twin = copy.deepcopy(few)
    with torch.no_grad():
        getattr(twin[1], FIELDS[name]).fill_(0.75)
    assert [each.threshold.item() for each in map(holder, (few, twin))] == [0.5, 0.75]


def test_an_exported_neuron_has_the_learned_unit() -> None:
    _, few = quantized("snntorch")
    with torch.no_grad():
        few[1].threshold.fill_(0.75)  # type: ignore[operator, union-attr]
    neuron: Any = own_neuron("1", few[1])  # type: ignore[index]
    assert neuron.unit == 0.75


def test_a_threshold_that_is_not_learned_gives_the_same_bits_as_a_number() -> None:
    leaky = library("snntorch").Leaky(0.9, threshold=0.3, init_hidden=True)
    few = snnbench.quantize(nn.Sequential(nn.Linear(6, 9), leaky), "float", exempt=(), membrane="uniform")
    potentials = torch.randn(1000, generator=torch.Generator().manual_seed(2))
    number = float(leaky.threshold)
    assert torch.equal(holder(few)(potentials), holder(few).quantizer(potentials / number) * number)


@pytest.mark.parametrize("name", ["GatedLIFNode", "PSN"])
def test_a_neuron_that_computes_all_steps_as_one_is_refused_by_name(name: str) -> None:
    node = getattr(library("spikingjelly.activation_based.neuron"), name)(T=2)
    with pytest.raises(OptionError, match=rf"layer '1' is a {name} of spikingjelly.*quantize the weights alone"):
        snnbench.quantize(nn.Sequential(nn.Linear(6, 9), node), "uniform", exempt=(), membrane="uniform")
