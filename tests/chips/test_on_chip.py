"""Networks of whole numbers against the networks they were made of."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

import snnbench
from snnbench.builtin.chips import snnbench_chips
from snnbench.chips.document import Semantics, read_semantics
from snnbench.errors import GraphError, OptionError
from snnbench.nn import sew_resnet8
from snnbench.nn.neurons import IFNeuron, LIFNeuron
from snnbench.nn.recording import spiking_layers

CHIPS = {name: read_semantics(path) for name, path in snnbench_chips().items()}


def semantics(name, **changes):
    document = CHIPS[name].model_dump()
    for section, values in changes.items():
        document[section] |= values
    return Semantics.model_validate(document)


FINE = semantics(
    "int",
    weights={"bits": 16, "exponents": (0, 20)},
    input={"bits": 16, "fraction": 12},
    membrane={"bits": 32},
    spike={"threshold_bits": 30, "bias_bits": 32},
)


def network(neuron="lif", **options):
    torch.manual_seed(0)
    model = sew_resnet8(width=4, channels=1, neuron=neuron, bn_scale=2.0, **options)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 2)
            module.weight.data.normal_(1.5, 1)  # some gains are negative
            module.bias.data.normal_(0.2, 0.3)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.Conv2d):
                module.weight.mul_(16).round_().clamp_(-7, 7).div_(16)
    return model.eval()


def both(model, chip, images):
    """Spikes of the network and of its integers, by layer."""
    real, whole = {}, {}
    model = copy.deepcopy(model)
    for name, layer in spiking_layers(model).items():
        layer.register_forward_hook(lambda _, __, out, name=name: real.__setitem__(name, out.long()))
    with torch.inference_mode():
        model(images)
        put = snnbench.on_chip(model, chip, input_shape=tuple(images.shape[1:])).network
        put.watch = whole.__setitem__
        put(images)
    return real, whole


def images(channels=1):
    return torch.randn(6, channels, 8, 8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("neuron", ["if", "lif", "plif"])
@pytest.mark.parametrize(("reset", "start"), [("hard", None), ("soft", 0.5), ("soft", None)])
def test_with_many_bits_the_spikes_are_those_of_floats(neuron, reset, start):
    real, whole = both(network(neuron, reset=reset, v_init=start), FINE, images())
    assert list(whole) == list(real)
    assert sum(int(spikes.sum()) for spikes in real.values()) > 500
    differing = {name: float((real[name] != whole[name]).double().mean()) for name in real}
    assert differing["stem.neuron"] < 2e-3
    assert max(differing.values()) < 0.02


@pytest.mark.parametrize(
    ("chip", "reset"),
    [
        (CHIPS["int"], "soft"),
        (CHIPS["int"], "hard"),
        (CHIPS["loihi"], "hard"),
        (semantics("speck", spike={"most": 1, "bias_bits": 16}), "soft"),
    ],
)
def test_chips_that_ship_stay_near(chip, reset):
    real, whole = both(network("if", reset=reset), chip, images())
    assert float((real["stem.neuron"] != whole["stem.neuron"]).double().mean()) < 0.04


def test_a_chip_that_fires_several_times_a_step_does():
    _, whole = both(network("if", reset="soft", v_init=0.5), "speck", images())
    assert max(int(spikes.max()) for spikes in whole.values()) > 1


def test_what_a_chip_cannot_hold_is_told_by_name_and_number():
    model = network("if", reset="soft", v_init=0.5)
    tight = semantics("loihi", limits={"fan_in": 100, "neurons": 500, "layers": 3, "inputs": 10, "convolutions": False})
    told = [str(each) for each in snnbench.on_chip(model, tight, input_shape=(1, 8, 8)).excess]
    assert "blocks.3_1.layer2.conv: fan-in 144, the chip has 100" in told
    assert "network: neurons 1344, the chip has 500" in told
    assert "network: layers 9, the chip has 3" in told
    assert "network: inputs 64, the chip has 10" in told
    assert "stem.conv: layer type convolution, the chip has none" in told
    assert "stem.neuron: reset by subtraction, the chip has to 0" in told
    wide = network("if")
    with torch.no_grad():
        wide.blocks[0].layer1.conv.weight[0, 0, 0, 0] = 300 / 16
    told = [str(each) for each in snnbench.on_chip(wide, "int", input_shape=(1, 8, 8)).excess]
    assert any(line.startswith("blocks.1_1.layer1.conv: weights more levels") for line in told)


def test_overflows_are_counted_by_layer():
    narrow = semantics("int", membrane={"bits": 10}, spike={"threshold_bits": 9, "bias_bits": 10})
    put = snnbench.on_chip(network("if", reset="soft"), narrow, input_shape=(1, 8, 8)).network
    put(images() * 3)
    assert all(counts.shape == (6,) for counts in put.overflows.values())
    assert sum(int(counts.sum()) for counts in put.overflows.values()) > 0
    assert set(put.overflows) == {layer.name for layer in put.layers}


def chain(*layers):
    return nn.Sequential(*layers)


def test_a_chain_of_linear_layers_counts_its_last_spikes():
    torch.manual_seed(0)
    model = chain(nn.Linear(6, 5), IFNeuron(reset="soft"), nn.Linear(5, 3), IFNeuron(reset="soft"))
    logits = snnbench.on_chip(model, FINE, timesteps=8).network(torch.rand(4, 6) * 3)
    assert logits.shape == (4, 3)
    assert 0 < int(logits.max()) <= 8


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (
            chain(nn.Conv2d(1, 2, 3), IFNeuron(), nn.BatchNorm2d(2), nn.Conv2d(2, 2, 3), IFNeuron()),
            "batch norm only before",
        ),
        (chain(nn.Conv2d(1, 2, 3), nn.ReLU(), IFNeuron()), "ReLU"),
        (chain(nn.Conv2d(1, 2, 3, dilation=2), IFNeuron()), "convolution '0' has groups=1 and dilation=(2, 2)"),
        (chain(nn.Conv2d(1, 2, 3), IFNeuron(), nn.AvgPool2d(2), nn.Conv2d(2, 2, 3), IFNeuron()), "'2' (AvgPool2d)"),
        (chain(nn.Linear(4, 2)), "no spiking neurons"),
        (chain(nn.Linear(4, 2), IFNeuron(v_reset=0.5)), "neuron '1' resets to 0.5"),
        (chain(IFNeuron(), nn.Linear(4, 2)), "neuron '0' follows 'input'"),
        (chain(nn.Linear(4, 4), LIFNeuron(), nn.Linear(4, 2), nn.Linear(2, 2)), "'2'"),
    ],
)
def test_what_cannot_be_folded_is_named(model, said):
    with pytest.raises(GraphError) as told:
        snnbench.on_chip(model, "int", timesteps=4)
    assert said in str(told.value)


@pytest.mark.parametrize("chip", ["int", "loihi", "speck"])
@pytest.mark.parametrize(("factor", "said"), [(1e9, "too large"), (1e-9, "too small")])
def test_weights_beyond_the_exponents_of_a_chip_are_named_with_their_remedy(chip, factor, said):
    model = network("if")
    with torch.no_grad():
        model.blocks[0].layer1.conv.weight.mul_(factor)
    with pytest.raises(GraphError) as told:
        snnbench.on_chip(model, chip, input_shape=(1, 8, 8))
    assert "layer 'blocks.1_1.layer1.conv' has weights of up to" in str(told.value)
    assert f"{said} beside the threshold 1 of 'blocks.1_1.layer1.neuron'" in str(told.value)
    assert f"chip '{chip}'; scale its weights" in str(told.value)


def test_a_layer_without_weights_is_not_beyond_anything():
    model = network("if")
    with torch.no_grad():
        model.blocks[0].layer1.conv.weight.zero_()
    snnbench.on_chip(model, "int", input_shape=(1, 8, 8))


def test_merging_that_is_no_sum_is_named():
    with pytest.raises(GraphError, match="merges by AND"):
        snnbench.on_chip(network(connect="AND"), "int")


def test_a_float_chip_and_a_missing_number_of_steps_are_refused():
    with pytest.raises(OptionError, match="chip 'float' computes in float"):
        snnbench.on_chip(network(), "float")
    with pytest.raises(OptionError, match="no attribute timesteps"):
        snnbench.on_chip(chain(nn.Linear(4, 2), IFNeuron()), "int")
