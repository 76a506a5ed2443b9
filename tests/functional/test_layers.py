"""What is no tensor of spikes is refused by what it is."""

from __future__ import annotations

import pytest
import torch

import snnbench
from snnbench.errors import FiringError
from snnbench.functional import firing_emd


def test_a_list_of_steps_and_an_array_are_refused_by_name() -> None:
    steps = [torch.zeros(10, 6) for _ in range(4)]
    with pytest.raises(FiringError, match=r"a list was given; .* of a list of steps torch\.stack\(list\)"):
        snnbench.FiringEMD().update(steps, steps)
    with pytest.raises(FiringError, match="a ndarray was given"):
        firing_emd(torch.zeros(6).numpy(), torch.zeros(6))
    assert firing_emd({"a": torch.zeros(6)}, {"a": torch.ones(6)}) == 1
