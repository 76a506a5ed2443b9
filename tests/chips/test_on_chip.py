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
from snnbench.nn.neurons import IFNeuron, LIFNeuron, SpikingNeuron
from snnbench.nn.recording import spiking_layers

CHIPS = {name: read_semantics(path) for name, path in snnbench_chips().items()}


def semantics(name, **changes):
    document = CHIPS[name].model_dump()
    for section, values in changes.items():
        document[section] |= values
    return Semantics.model_validate(document)


class Halved(nn.Conv2d):
    """A convolution with half of its parameter."""

    def forward(self, x):
        return self._conv_forward(x, self.weight / 2, self.bias)


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


def test_batch_norm_behind_a_linear_layer_is_folded():
    torch.manual_seed(0)
    norm = nn.BatchNorm1d(5)
    norm.running_mean.normal_(0, 0.3)
    norm.running_var.uniform_(0.5, 2)
    bare = nn.Linear(6, 5)
    scale = (norm.running_var + norm.eps).rsqrt()
    with torch.no_grad():
        bare.weight.copy_(torch.randint(-7, 8, (5, 6)) / 8)
        folded = nn.Linear(6, 5)
        folded.weight.copy_(bare.weight * scale[:, None])
        folded.bias.copy_((bare.bias - norm.running_mean) * scale)
    x = torch.rand(16, 6, generator=torch.Generator().manual_seed(1)) * 3
    found, expected = (
        snnbench.on_chip(chain(*layers, IFNeuron(reset="soft")).eval(), FINE, timesteps=8).network(x)
        for layers in ((bare, norm), (folded,))
    )
    assert int(expected.sum()) > 100
    assert int((found - expected).abs().sum()) <= 2


def test_sums_beyond_a_state_are_told_before_anything_runs():
    narrow = semantics("int", membrane={"bits": 10}, spike={"threshold_bits": 9, "bias_bits": 10})
    model = chain(nn.Linear(3, 1, bias=False), IFNeuron())
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[2, 1, -2]]))
    put = snnbench.on_chip(model, narrow, timesteps=4)
    (told,) = [each for each in put.excess if each.what == "sum of a step"]
    largest = (3 * 128 + 2 * 127) / 32  # images are -128 to 127 thirty-seconds, the threshold is 1
    assert int(told.needs.removeprefix("up to ")) == largest * int(put.network.layers[0].neurons.threshold)
    assert str(told) == f"1: sum of a step {told.needs}, the chip has 10 bits"
    with torch.no_grad():
        model[0].weight.div_(4)  # 5 thresholds; a state has room for 8
    assert "sum of a step" not in {each.what for each in snnbench.on_chip(model, narrow, timesteps=4).excess}


@pytest.mark.parametrize(("chip", "most"), [("speck", 255), ("xylo", 31)])
@pytest.mark.parametrize("start", [None, 0.5])
def test_neurons_that_may_fire_several_times_are_told_with_the_most_that_they_can(chip, most, start):
    model = network("if", reset="soft", v_init=start)
    put = snnbench.on_chip(model, chip, input_shape=(1, 8, 8))
    told = {each.layer: each for each in put.excess if each.what == "spikes a step"}
    bounds = {name: int(each.has.removeprefix("up to ")) for name, each in told.items()}
    assert {each.needs for each in told.values()} == {"at most 1"}
    assert max(bounds.values()) <= most
    fired = {}
    put.network.watch = lambda name, spikes: fired.__setitem__(name, int(spikes.max()))
    put.network(3 * images())
    assert max(fired.values()) > 1
    assert all(count <= bounds.get(name, 1) for name, count in fired.items())


def test_a_reset_to_0_leaves_one_spike_a_step():
    told = snnbench.on_chip(network("if", reset="hard"), "speck", input_shape=(1, 8, 8)).excess
    assert "spikes a step" not in {each.what for each in told}


def test_overflows_are_counted_by_layer():
    narrow = semantics("int", membrane={"bits": 10}, spike={"threshold_bits": 9, "bias_bits": 10})
    put = snnbench.on_chip(network("if", reset="soft"), narrow, input_shape=(1, 8, 8)).network
    put(images() * 3)
    assert all(counts.shape == (6,) for counts in put.overflows.values())
    assert sum(int(counts.sum()) for counts in put.overflows.values()) > 0
    assert set(put.overflows) == {layer.name for layer in put.layers}


class Doubles(nn.Module):
    def forward(self, x):
        return x * 2


class Other(SpikingNeuron):
    def charge(self, v, x):
        return v + 2 * x


def chain(*layers):
    return nn.Sequential(*layers)


def test_a_chain_of_linear_layers_counts_its_last_spikes():
    torch.manual_seed(0)
    model = chain(nn.Linear(6, 5), IFNeuron(reset="soft"), nn.Linear(5, 3), IFNeuron(reset="soft"))
    logits = snnbench.on_chip(model, FINE, timesteps=8).network(torch.rand(4, 6) * 3)
    assert logits.shape == (4, 3)
    assert 0 < int(logits.max()) <= 8


@pytest.mark.parametrize("size", [1, (1, 1)])
def test_convolutional_neurons_are_read_out_as_sums_over_their_positions(size):
    torch.manual_seed(0)
    layers = nn.Conv2d(1, 3, 3, stride=2), IFNeuron(threshold=0.3, reset="soft")
    put = snnbench.on_chip(chain(*layers, nn.AdaptiveAvgPool2d(size), nn.Flatten()), FINE, timesteps=4).network
    fired = {}
    put.watch = fired.__setitem__
    logits = put(images())
    assert logits.shape == (6, 3)
    assert int(logits.max()) > 4
    assert torch.equal(logits, fired["1"].sum((0, 3, 4)))


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (
            chain(nn.Conv2d(1, 2, 3), IFNeuron(), nn.BatchNorm2d(2), nn.Conv2d(2, 2, 3), IFNeuron()),
            "batch norm only before",
        ),
        (chain(nn.Conv2d(1, 2, 3), nn.ReLU(), IFNeuron()), "layer '1' (ReLU) is no layer that can be exported or put"),
        (
            chain(nn.Conv2d(1, 2, 3), IFNeuron(), nn.MaxPool2d(2), nn.Conv2d(2, 2, 3), IFNeuron()),
            "layer '3' takes the output of '2' (Threshold), maxima, products or differences of spikes, which no",
        ),
        (
            chain(nn.Conv2d(1, 2, 3), Doubles(), IFNeuron()),
            "computes 'mul' itself, and may only add and multiply spikes between its layers, and flatten from",
        ),
        (chain(nn.Conv2d(1, 2, 3), Other()), "neuron '1' is a Other, which no chip has; use IF, LIF or PLIF neurons"),
        (chain(nn.Linear(4, 2), IFNeuron(), nn.ReLU6()), "layer '2' (ReLU6)"),
        (
            chain(nn.Conv2d(1, 2, 3), IFNeuron(), nn.BatchNorm2d(2)),
            "the readout takes the output of '2' (BatchNorm2d)",
        ),
        (chain(nn.Conv2d(1, 2, 3, dilation=2), IFNeuron()), "convolution '0' has groups=1 and dilation=(2, 2)"),
        (chain(nn.Conv2d(1, 2, 3), IFNeuron(), nn.AvgPool2d(2), nn.Conv2d(2, 2, 3), IFNeuron()), "'2' (AvgPool2d)"),
        (
            chain(nn.Conv2d(1, 2, 3), IFNeuron(), nn.Flatten(), nn.Linear(1800, 2)),
            "layer '3' has a weight for each of 1800 numbers, and '1' has 2 channels",
        ),
        (chain(nn.Conv2d(1, 2, 3), IFNeuron()), "the network ends in '1', which has neurons at all positions of"),
        (
            chain(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), IFNeuron(), nn.Flatten()),
            "the network ends in '2', which has neurons at all positions of convolution '0'; a chip reads out sums",
        ),
        (chain(nn.Conv2d(1, 2, 3), IFNeuron(), nn.AdaptiveAvgPool2d(2), nn.Flatten()), "the network ends in '1'"),
        (chain(nn.Linear(4, 2)), "no spiking neurons"),
        (chain(Halved(1, 2, 3), IFNeuron()), "layer '0' (Halved) has a forward of its own: snnbench.to_nir writes"),
        (chain(nn.Linear(4, 2), IFNeuron(v_reset=0.5)), "neuron '1' resets to 0.5"),
        (chain(IFNeuron(), nn.Linear(4, 2)), "neuron '0' follows 'input'"),
        (chain(nn.Conv1d(1, 2, 3), IFNeuron()), "neuron '1' follows '0' (Conv1d), not one Conv2d or Linear layer"),
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


def test_weights_that_a_forward_makes_come_to_a_chip_by_nir(tmp_path):
    torch.manual_seed(0)
    halved, plain = Halved(1, 8, 8), nn.Conv2d(1, 8, 8)
    with torch.no_grad():
        plain.weight.copy_(halved.weight / 2)
        plain.bias.copy_(halved.bias)
    model = chain(halved, IFNeuron(threshold=0.2), nn.Flatten(), nn.Linear(8, 2))
    back = snnbench.from_nir(snnbench.to_nir(model, tmp_path / "a.nir", input_shape=(1, 8, 8), timesteps=4)[0])
    model[0] = plain
    chips = [snnbench.on_chip(each, "int", timesteps=4, input_shape=(1, 8, 8)) for each in (back, model)]
    images = torch.rand(20, 1, 8, 8)
    written, same = (chip.network(images) for chip in chips)
    assert len(same.unique(dim=0)) > 1
    assert torch.equal(written, same)


def test_merging_that_is_no_sum_is_named():
    with pytest.raises(GraphError, match=r"'blocks\.1_1\.both' \(Threshold\), .*merge by ADD"):
        snnbench.on_chip(network(connect="AND"), "int")


def test_a_float_chip_and_a_missing_number_of_steps_are_refused():
    with pytest.raises(OptionError, match="chip 'float' computes in float"):
        snnbench.on_chip(network(), "float")
    with pytest.raises(OptionError, match="no attribute timesteps"):
        snnbench.on_chip(chain(nn.Linear(4, 2), IFNeuron()), "int")
