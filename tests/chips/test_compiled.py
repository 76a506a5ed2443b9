from __future__ import annotations

import pytest
import torch

import snnbench
from snnbench.chips import compiled
from snnbench.chips.compiled import CompiledNetwork, c_compiler
from snnbench.errors import OptionError
from snnbench.nn import sew_resnet8

needs_compiler = pytest.mark.skipif(c_compiler() is None, reason="no C compiler")


def network():
    torch.manual_seed(0)
    return sew_resnet8(width=4, channels=2, bn_scale=2.0, reset="soft", v_init=0.5, neuron="if").eval()


@needs_compiler
@pytest.mark.parametrize("chip", ["int", "loihi", "speck", "xylo"])
def test_compiled_networks_give_the_same_spikes_logits_and_overflows(chip):
    images = 2 * torch.randn(5, 2, 6, 4, generator=torch.Generator().manual_seed(1))
    images = images.contiguous(memory_format=torch.channels_last)
    plain = snnbench.on_chip(network(), chip, input_shape=(2, 6, 4)).network
    fast = CompiledNetwork(plain, (2, 6, 4))
    seen, expected = {}, {}
    plain.watch, fast.watch = expected.__setitem__, seen.__setitem__
    for part in images.split(2):
        assert torch.equal(fast(part), plain(part))
        for name, spikes in expected.items():
            assert torch.equal(seen[name].long(), spikes)
    assert all(torch.equal(fast.overflows[name], counts) for name, counts in plain.overflows.items())


def test_without_a_compiler_it_is_told(monkeypatch):
    monkeypatch.setattr(compiled, "c_compiler", lambda: None)
    plain = snnbench.on_chip(network(), "int", input_shape=(2, 4, 4)).network
    with pytest.raises(OptionError, match="a C compiler"):
        CompiledNetwork(plain, (2, 4, 4))
