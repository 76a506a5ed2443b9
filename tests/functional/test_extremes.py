"""The smallest and the largest value, by the kernel and by PyTorch."""

from __future__ import annotations

from math import inf, isnan, nan

import pytest
import torch

from snnbench.functional import extremes as module
from snnbench.functional.extremes import extremes

VALUES = torch.randn(3, 40, 20, 11, generator=torch.Generator().manual_seed(0))
TENSORS = {
    "plain": VALUES,
    "channels last": VALUES.contiguous(memory_format=torch.channels_last),
    "with gaps": VALUES[:, ::2],
    "below 0": -VALUES.abs() - 1,
    "above 0": VALUES.abs() + 1,
    "no more than 0": -torch.zeros(2**15),
    "infinite": torch.cat([VALUES.flatten(), torch.tensor([-inf, inf])]),
    "tiny": VALUES * 1e-42,
    "double": VALUES.double(),
    "few": VALUES[0, 0, 0],
}


@pytest.mark.parametrize("name", TENSORS)
def test_as_pytorch_has_them(name):
    low, high = torch.aminmax(TENSORS[name])
    assert extremes(TENSORS[name]) == (low, high)


@pytest.mark.parametrize("value", [nan, -nan])
def test_what_is_not_a_number_is_seen(value):
    values = VALUES.clone()
    values[1, 2, 3, 4] = value
    assert all(map(isnan, extremes(values)))


def test_without_a_compiler(monkeypatch):
    monkeypatch.setattr(module, "extremes_library", lambda: None)
    assert extremes(VALUES) == (VALUES.min(), VALUES.max())
