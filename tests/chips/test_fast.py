from __future__ import annotations

import pytest
import torch
from torch import nn

import snnbench
from snnbench.chips.compiled import CompiledNetwork, c_compiler
from snnbench.chips.document import Semantics
from snnbench.chips.fast import CHUNK, FastNetwork, fast_form
from snnbench.chips.shelf import find_chip
from snnbench.errors import OptionError
from snnbench.nn import sew_resnet8
from snnbench.nn.neurons import IFNeuron

pytestmark = pytest.mark.skipif(c_compiler() is None, reason="no C compiler")


def network(**options):
    torch.manual_seed(0)
    return sew_resnet8(width=4, channels=2, bn_scale=2.0, **options).eval()


def agree(plain, images):
    fast = FastNetwork(plain)
    seen, expected = {}, {}
    plain.watch, fast.watch = expected.__setitem__, seen.__setitem__
    assert torch.equal(fast(images), plain(images))
    assert list(seen) == list(expected)
    for name, spikes in expected.items():
        assert torch.equal(seen[name].long(), spikes)
    assert all(torch.equal(fast.overflows[name], counts) for name, counts in plain.overflows.items())
    return fast


def images(count):
    drawn = 2 * torch.randn(count, 2, 6, 4, generator=torch.Generator().manual_seed(1))
    return drawn.contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("chip", ["int", "loihi", "speck", "xylo"])
@pytest.mark.parametrize("options", [{"neuron": "if", "reset": "soft", "v_init": 0.5}, {"neuron": "plif"}], ids=str)
@pytest.mark.parametrize("count", [1, CHUNK + 3])
def test_fast_networks_give_the_same_spikes_logits_and_overflows(chip, options, count):
    agree(snnbench.on_chip(network(**options), chip, input_shape=(2, 6, 4)).network, images(count))


@pytest.mark.parametrize("accumulator", [None, {"bits": 7, "overflow": "saturate"}, {"bits": 7, "overflow": "wrap"}])
def test_overflows_add_up(accumulator):
    document = {**find_chip("int").model_dump(), "accumulator": accumulator}
    document["membrane"]["bits"] = 10
    document["spike"] |= {"threshold_bits": 9, "bias_bits": 10}
    chip = Semantics.model_validate(document)
    model = network(neuron="if", reset="soft")
    for block in model.blocks:
        block.layer2.bn.bias.data.sub_(3)
    fast = agree(snnbench.on_chip(model, chip, input_shape=(2, 6, 4)).network, images(12))
    assert sum(int(counts.sum()) for counts in fast.overflows.values()) > 0


def test_a_chain_of_linear_layers():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5), IFNeuron(reset="soft"), nn.Linear(5, 3), IFNeuron(reset="soft"))
    plain = snnbench.on_chip(model, "int", timesteps=5).network
    agree(plain, torch.rand(4, 6, generator=torch.Generator().manual_seed(0)) * 3)


def test_where_sums_are_no_exact_floats_the_network_runs_in_c():
    document = find_chip("speck").model_dump()
    document["weights"]["bits"] = 16
    plain = snnbench.on_chip(network(), Semantics.model_validate(document), input_shape=(2, 6, 4)).network
    with pytest.raises(OptionError, match="no exact float32"):
        FastNetwork(plain)
    fast = fast_form(plain, (2, 6, 4))
    assert isinstance(fast, CompiledNetwork)
    assert torch.equal(fast(images(3)), plain(images(3)))
