"""Who runs the steps: the caller, or the network itself."""

from __future__ import annotations

import pytest
import torch
from torch import nn

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


class Stepped(nn.Module):
    """Outputs of four steps for each of N samples, samples first or steps first."""

    def __init__(self, steps_first: bool) -> None:
        super().__init__()
        self.steps_first = steps_first

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.stack([x * step for step in range(4)], 0 if self.steps_first else 1)


@pytest.mark.parametrize("steps_first", [True, False])
def test_a_last_batch_of_as_many_samples_as_steps_is_laid_out_as_those_before(steps_first: bool) -> None:
    x = torch.rand(14, 5, generator=torch.Generator().manual_seed(0))
    network = Stepped(steps_first)
    with as_classifier(network):
        for batch in x.split([10, 4]):
            assert torch.allclose(network(batch), 1.5 * batch)


@pytest.mark.parametrize("sizes", [[4, 10], [4, 3]])
def test_a_first_batch_of_as_many_samples_as_steps_that_was_misread_is_told(sizes: list[int]) -> None:
    network = Stepped(steps_first=False)
    with as_classifier(network):
        network(torch.rand(sizes[0], 5))
        with pytest.raises(FiringError, match="had as many samples as steps"):
            network(torch.rand(sizes[1], 5))
