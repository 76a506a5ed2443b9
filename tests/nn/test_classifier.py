"""Who runs the steps: the caller, or the network itself."""

from __future__ import annotations

import pytest
import torch

import snnbench
from snnbench.errors import FiringError
from snnbench.nn.classifier import as_classifier

IMAGES = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def test_the_t_of_a_network_that_has_its_own_may_be_said() -> None:
    network = snnbench.load("digits-sew8").eval()
    with torch.no_grad():
        expected = network(IMAGES)
        with as_classifier(network, timesteps=4):
            assert torch.equal(network(IMAGES), expected)


def test_another_t_than_its_own_is_told() -> None:
    network = snnbench.load("digits-sew8")
    with pytest.raises(FiringError, match=r"shows itself each image 4 times, not timesteps=8; set its attribute"):
        snnbench.report(network, network, [IMAGES], timesteps=8)
