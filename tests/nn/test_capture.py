"""Packed spikes of a pass are those that are recorded as they are, on a network of each library."""

from __future__ import annotations

import pytest
import torch
from oracles.networks import NETWORKS, T, batches, make
from torch import nn

from snnbench.errors import FiringError
from snnbench.functional.packed import PackedSpikes, packing_library
from snnbench.nn import IFNeuron
from snnbench.nn.capture import PackedCapture, record_spikes, spiking_modules
from snnbench.nn.classifier import as_classifier


@pytest.fixture(autouse=True)
def kernels():
    if packing_library() is None:
        pytest.skip("there is no C++ compiler")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("name", NETWORKS)
def test_every_library(name):
    model, options = make(name)
    layers = options.pop("layers", None)
    images = batches()[0][0]
    with (
        record_spikes(model, layers) as recorder,
        PackedCapture(spiking_modules(model, layers)) as packed,
        as_classifier(model, **options),
    ):
        for _ in range(2):
            model(images)
            plain, found = recorder.take(len(images)), packed.take_packed(len(images))
            assert list(found) == list(plain)
            for layer, spikes in plain.items():
                assert spikes.shape[:2] == (T, len(images))
                assert isinstance(each := found[layer], PackedSpikes)
                assert torch.equal(each.spikes(), spikes)
                assert torch.equal(each.events, spikes.flatten(2).sum(2).long())


def test_what_cannot_be_packed_stays_as_it_is():
    net = nn.Sequential(IFNeuron(), nn.Identity())
    x = torch.rand(T, 5, 7, generator=torch.Generator().manual_seed(0))
    layers = spiking_modules(net, ["0", "1"])
    with PackedCapture(layers) as recorder:
        net(x)
        assert isinstance(recorder.take_packed(5)["0"], PackedSpikes)
    layers["1"][0].forward = lambda spikes: 2 * spikes
    with PackedCapture(layers) as recorder:
        twice = net(x)
        assert torch.equal(recorder.take_packed(5)["1"], twice)
    with PackedCapture(layers, ["0"]) as recorder:
        net(x)
        assert isinstance(recorder.take_packed(5)["0"], torch.Tensor)


def test_steps_in_several_calls():
    neuron = IFNeuron()
    net = nn.Sequential(neuron)
    x = torch.rand(T, 5, 7, generator=torch.Generator().manual_seed(0))
    with PackedCapture(spiking_modules(net, None)) as recorder:
        first, second = neuron(x), neuron(2 * x)
        found = recorder.take_packed(5)["0"]
        assert isinstance(found, PackedSpikes)
        assert torch.equal(found.spikes(), torch.cat([first, second]))
        neuron(x)
        with pytest.raises(FiringError, match="are not spikes of 4 samples"):
            recorder.take_packed(4)


def test_one_step_of_as_many_neurons_as_samples_is_one_step():
    net = nn.Sequential(nn.Identity())
    with record_spikes(net, ["0"]) as recorder:
        net(torch.eye(5))
        assert recorder.take(5)["0"].shape == (1, 5, 5)
        net(torch.ones(4, 5))
        assert recorder.take(5)["0"].shape == (4, 5)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of PyTorch's compiler
@pytest.mark.parametrize("entire", [True, False], ids=["network", "part"])
def test_compiled_networks_run_eagerly_where_their_spikes_are_kept(entire):
    part = nn.Sequential(nn.Linear(7, 7), IFNeuron())
    x = torch.rand(T, 5, 7, generator=torch.Generator().manual_seed(0))
    compiled = torch.compile(part, backend="eager")
    net = compiled if entire else nn.Sequential(compiled)
    try:
        before = net(x)
        with record_spikes(net) as recorder:
            net(x)
            ((name, spikes),) = recorder.take(5).items()
    finally:
        torch.compiler.reset()
    assert name == ("1" if entire else "0.1")
    assert torch.equal(spikes, before)
