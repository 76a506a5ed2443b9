"""The kit, and the network against SpikingJelly's own, stepped by hand."""

from __future__ import annotations

import pytest
import torch
from snnbench_spikingjelly import ms_resnet18, plif_net, spikformer
from spikingjelly.activation_based import functional, neuron, surrogate
from spikingjelly.activation_based.model.ms_resnet import MSResNet
from spikingjelly.activation_based.model.parametric_lif_net import CIFAR10Net
from spikingjelly.activation_based.model.spikformer import Spikformer

from snnbench.errors import OptionError
from snnbench.nn import record_firing
from snnbench.testing import parametrize_with_checks


@parametrize_with_checks("spikingjelly-plif", options={"channels": 4})
def test_plif_keeps_the_contract(check):
    check()


@parametrize_with_checks("spikingjelly-ms-resnet18", options={"width": 4})
def test_ms_resnet18_keeps_the_contract(check):
    check()


@parametrize_with_checks("spikingjelly-spikformer", options={"width": 24, "depth": 1})
def test_spikformer_keeps_the_contract(check):
    check()


def test_logits_are_those_of_the_original_stepped_by_hand():
    torch.manual_seed(0)
    model = plif_net((3, 32, 32), 10, channels=4, timesteps=3).eval()
    original = CIFAR10Net(
        4, neuron.ParametricLIFNode, init_tau=2.0, surrogate_function=surrogate.ATan(), detach_reset=True
    ).eval()
    original.load_state_dict(model.network.state_dict())
    images = torch.randn(2, 3, 32, 32) * 3
    with torch.no_grad():
        found = model(images)
        expected = torch.stack([original(images) for _ in range(3)]).mean(0)
    functional.reset_net(original)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    ("model", "original"),
    [
        (ms_resnet18((3, 32, 32), 7, width=4), MSResNet(4, 3, 7, base_channels=4, stem_kernel_size=3, stem_stride=1)),
        (
            spikformer((3, 32, 32), 7, width=24, depth=1),
            Spikformer(4, 3, 32, 32, 4, 7, embed_dims=24, num_heads=12, depths=1),
        ),
    ],
    ids=["ms-resnet18", "spikformer"],
)
def test_logits_are_those_of_the_original(model, original):
    original.load_state_dict(model.network.state_dict())
    images = torch.randn(2, 3, 32, 32)
    model.timesteps = 4
    with torch.no_grad():
        expected = original.eval()(images)
        found = model.eval()(images)
    functional.reset_net(original)
    torch.testing.assert_close(found, expected if expected.ndim == 2 else expected.mean(0))


@pytest.mark.parametrize(
    ("make", "options", "layers"),
    [(plif_net, {"channels": 4}, 8), (ms_resnet18, {"width": 4}, 17), (spikformer, {"width": 24, "depth": 1}, 10)],
)
def test_its_firing_is_recorded(make, options, layers):
    model = make((3, 32, 32), 10, timesteps=2, **options).eval()
    with torch.no_grad(), record_firing(model) as recorder:
        model(torch.randn(2, 3, 32, 32))
    assert len(recorder.profile().layers) == layers


def test_other_sizes_are_refused():
    with pytest.raises(OptionError, match="takes images of 32 x 32, not 8 x 8"):
        plif_net((1, 8, 8), 10)
    with pytest.raises(OptionError, match="whole patches of 4 x 4"):
        spikformer((1, 30, 30), 10)
    with pytest.raises(OptionError, match="width=25 is not a multiple of 24"):
        spikformer((3, 32, 32), 10, width=25)
