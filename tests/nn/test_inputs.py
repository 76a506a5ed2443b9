"""What inputs reach, against sums over their places, by the kernel and without it."""

from __future__ import annotations

import pytest
import torch

from snnbench.nn import inputs
from snnbench.nn.inputs import reach

GENERATOR = torch.Generator().manual_seed(0)
SPIKES = (torch.rand(7, 3, 4, 5, generator=GENERATOR) < 0.4).float()
SUMS = torch.randint(-3, 4, (7, 3, 4, 5), generator=GENERATOR).float()
REAL = torch.randn(7, 3, 4, 5, generator=GENERATOR)
FAN = torch.randint(1, 10, (4, 5), generator=GENERATOR).expand(3, 4, 5)
ROWS = {
    "spikes": (SPIKES, FAN),
    "sums": (SUMS, FAN),
    "real": (REAL, FAN),
    "not a number": (SPIKES - torch.nan, FAN),
    "double": (REAL.double(), FAN),
    "bytes": (SPIKES.bool(), FAN),
    "linear": (SUMS.flatten(1), torch.full((60,), 8)),
    "transposed": (SPIKES.transpose(2, 3), FAN.transpose(1, 2)),
    "channels last": (SUMS.contiguous(memory_format=torch.channels_last), FAN),
    "spikes, channels last": (SPIKES.contiguous(memory_format=torch.channels_last), FAN),
    "real, channels last": (REAL.contiguous(memory_format=torch.channels_last), FAN),
    "large, channels last": ((1000 * SUMS * SUMS).contiguous(memory_format=torch.channels_last), FAN),
    "one sum": (torch.cat([SPIKES[:6], REAL[:1]]), FAN),
}


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("kind", ROWS)
def test_by_sums(kind, compiled, monkeypatch):
    if compiled and inputs.reading_library() is None:
        pytest.skip("there is no C++ compiler")
    if not compiled:
        monkeypatch.setattr(inputs, "reading_library", lambda: None)
    rows, fan = ROWS[kind]
    rows = rows if rows.is_floating_point() or compiled else rows.float()
    found, value = reach(rows, fan), rows.double()
    active = value != 0
    assert found.counts[0].tolist() == (active * fan).flatten(1).sum(1).tolist()
    assert found.active == int(active.sum())
    assert found.whole == bool((value == value.round()).all())
    assert found.binary == bool(((value == 0) | (value == 1)).all())
    weighted = (value.abs() * fan).flatten(1).sum(1) if found.whole else torch.zeros(len(rows))
    assert found.counts[1].tolist() == weighted.tolist()
