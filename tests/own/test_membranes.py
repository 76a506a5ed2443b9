"""Quantized membranes of each library's networks: their levels, their unit, and the range that they needed."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch
from oracles.networks import batches, library, make
from torch import Tensor, nn

import snnbench
from snnbench.builtin.uniform import Uniform
from snnbench.errors import OptionError
from snnbench.exchange.foreign import own_neuron
from snnbench.nn.classifier import as_classifier
from snnbench.nn.libraries import step_mode
from snnbench.own.membranes import InThresholds

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
QUANTIZABLE = ["snnbench", "spikingjelly_multi", "spikingjelly_single", "snntorch"]
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


def test_scales_that_weights_and_membranes_share_are_refused(monkeypatch):
    model, _ = make("snnbench")
    assert snnbench.quantize(model, "uniform", 4, membrane="uniform")
    monkeypatch.setattr(Uniform, "for_membrane", lambda *_: None, raising=False)
    assert snnbench.quantize(model, "uniform", 4, membrane="lqnet")
    with pytest.raises(OptionError, match="'uniform' shares its scales between weights and the membranes"):
        snnbench.quantize(model, "uniform", 4, membrane="uniform")


@pytest.mark.parametrize("name", QUANTIZABLE)
def test_the_range_that_membranes_needed(name):
    """By hand: the largest and the smallest potential that the library itself shows."""
    model, options = make(name)
    found = snnbench.report(model, model, batches(), **options)["reference"].value("membrane_bits")
    shown = []

    def note(module, inputs, output):
        if hasattr(module, "v_threshold"):
            shown.append((module.v_seq if module.step_mode == "m" else module.v) / module.v_threshold)
        elif hasattr(module, "charge"):
            shown.append(charged(module, inputs[0]) / module.threshold)
        else:
            shown.append(output[1] / module.threshold)

    for module in model.modules():
        if hasattr(module, "v_threshold") or hasattr(module, "charge") or type(module).__name__ == "Leaky":
            module.store_v_seq = hasattr(module, "v_threshold")
            module.register_forward_hook(note)
    with torch.no_grad(), as_classifier(model, **options):
        for images, _ in batches():
            model(images)
    low, high = min(float(each.min()) for each in shown), max(float(each.max()) for each in shown)
    lowest, highest = math.floor(low * 256), math.ceil(high * 256)
    assert -(2 ** (found - 1)) <= lowest
    assert highest < 2 ** (found - 1)
    assert lowest < -(2 ** (found - 2)) or highest >= 2 ** (found - 2)


def charged(neuron, current):
    """The potentials before the reset, step by step."""
    v, found = torch.full_like(current[0], neuron.v_reset), []
    for x in current:
        h = neuron.charge(v, x)
        found.append(h)
        v = torch.where(h >= neuron.threshold, neuron.v_reset, h)
    return torch.stack(found)


@pytest.mark.parametrize("name", QUANTIZABLE)
def test_membranes_hold_the_levels_of_their_bits(name):
    model, options = make(name)
    membrane = {"membrane": "uniform", "membrane_bits": 2, "membrane_options": {"range": "signed"}}
    quantized = snnbench.quantize(model, "float", exempt=(), **membrane)
    seen = {}
    for layer, module in quantized.named_modules():
        state = getattr(module, "state_quantizer", None) or getattr(module, "state_quant", None)
        if not isinstance(state, torch.nn.Module):
            continue
        seen[layer] = set()
        inner = state.quantizer if isinstance(state, InThresholds) else state
        inner.register_forward_hook(lambda _, inputs, out, layer=layer: seen[layer].update(out.unique().tolist()))
    found = snnbench.report(model, quantized, batches(), **options)
    assert found["quantized"].value("firing_emd") > 0
    assert found["quantized"].value("float_share") == 1
    assert len(seen) == sum(step_mode(module) is not None for module in model.modules())
    assert all(1 < len(levels) <= 4 and max(map(abs, levels)) <= 1 for levels in seen.values())


@pytest.mark.parametrize(("name", "library_name"), [("norse", "norse"), ("sinabs", "sinabs")])
def test_membranes_that_cannot_be_quantized_are_refused_by_name(name, library_name):
    model, _ = make(name)
    with pytest.raises(
        OptionError, match=rf"is a \w+ of {library_name}, whose membrane cannot be quantized here; those"
    ):
        snnbench.quantize(model, "float", membrane="uniform", membrane_bits=4)
