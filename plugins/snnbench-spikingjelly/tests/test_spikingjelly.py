"""The kit, and the network against SpikingJelly's own, stepped by hand."""

from __future__ import annotations

import pytest
import torch
from snnbench_spikingjelly import plif_net
from spikingjelly.activation_based import functional, neuron, surrogate
from spikingjelly.activation_based.model.parametric_lif_net import CIFAR10Net

from snnbench.errors import OptionError
from snnbench.nn import record_firing
from snnbench.testing import parametrize_with_checks


@parametrize_with_checks("spikingjelly-plif", options={"channels": 4})
def test_plif_keeps_the_contract(check):
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


def test_its_firing_is_recorded():
    model = plif_net((3, 32, 32), 10, channels=4, timesteps=2).eval()
    with torch.no_grad(), record_firing(model) as recorder:
        model(torch.randn(2, 3, 32, 32))
    assert len(recorder.profile().layers) == 8


def test_other_sizes_are_refused():
    with pytest.raises(OptionError, match="takes images of 32 x 32, not 8 x 8"):
        plif_net((1, 8, 8), 10)
