"""The integer form: int8 convolutions against float64, and the whole network against the float path."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from oracles.kernels import needs_kernels
from torch import nn

from snnbench.nn import optimize, record_firing, record_operations, sew_resnet8
from snnbench.nn.compiled.integer import IntegerConv, has_integer_convolutions
from snnbench.plugins import catalogue
from snnbench.quant import quantize_weights
from snnbench.quant.integer import integer_form, integer_layers, whole_numbers

pytestmark = [
    needs_kernels,
    pytest.mark.skipif(
        not has_integer_convolutions(), reason="this PyTorch has no int8 convolutions with float32 output"
    ),
]
UNIFORM = [
    {"bits": bits, "grid": grid, "clip": clip}
    for bits in (2, 3, 4, 6, 8)
    for grid in ("endpoint", "symmetric")
    for clip in ("narrow", "absmax")
]


def quantized(**options: Any) -> nn.Module:
    torch.manual_seed(0)
    model = sew_resnet8(8, 5, 4, bn_scale=3.0).to(memory_format=torch.channels_last)
    factory = catalogue().quantizers["uniform"].value
    quantize_weights(model, lambda layer, tensor: factory(tensor, **options))
    for _ in range(3):
        model(torch.randn(16, 3, 12, 12))
    return model.eval()


@pytest.mark.parametrize("options", UNIFORM, ids=str)
def test_uniform_weights_are_whole_numbers(options: dict[str, Any]) -> None:
    weight = catalogue().quantizers["uniform"].value(torch.zeros(1), **options).eval()(torch.randn(6, 5, 3, 3) * 0.4)
    found = whole_numbers(weight)
    assert found is not None
    codes, scale, half = found
    assert half == (options["bits"] == 8 and options["grid"] == "endpoint")
    torch.testing.assert_close((codes + half / 2) * scale.view(-1, 1, 1, 1), weight, rtol=0, atol=1e-6)


def test_real_weights_are_none() -> None:
    assert whole_numbers(torch.randn(6, 5, 3, 3)) is None
    assert whole_numbers(torch.tensor([[0.0, 1.0, 300.0]])) is None


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize(
    "geometry",
    [(3, 1, 1, 1), (3, 2, 1, 1), (1, 2, 0, 1), (5, 1, 2, 1), (3, 1, 2, 2), ((3, 2), (1, 2), (2, 1), (1, 3))],
    ids=str,
)
def test_convolutions_are_exact_to_one_rounding(geometry: tuple[Any, ...], half: bool) -> None:
    generator = torch.Generator().manual_seed(1)
    conv = nn.Conv2d(24, 10, *geometry)
    codes = torch.randint(-128, 128, conv.weight.shape, dtype=torch.int8, generator=generator)
    scale = torch.rand(10, generator=generator) + 0.1
    x = torch.randint(0, 4, (3, 24, 9, 9), generator=generator).float()
    exact = F.conv2d(x.double(), (codes.double() + half / 2) * scale.double().view(-1, 1, 1, 1), None, *geometry[1:])
    assert conv.bias is not None
    exact = exact + conv.bias.double().view(1, -1, 1, 1)
    size = F.conv2d(x, codes.float().abs(), None, *geometry[1:]) * scale.view(1, -1, 1, 1) + 1
    with torch.no_grad():
        found = IntegerConv(conv, codes, scale, half)(x.to(torch.uint8))
    assert ((found - exact).abs() <= 2 * torch.finfo(torch.float32).eps * size).all()


@pytest.mark.parametrize("options", UNIFORM, ids=str)
def test_the_network_fires_alike(options: dict[str, Any]) -> None:
    model = quantized(**options)
    fast = integer_form(model)
    x = torch.randn(20, 3, 12, 12, generator=torch.Generator().manual_seed(2))
    assert len(integer_layers(fast)) == 8
    with torch.inference_mode(), record_firing(model) as slow, record_firing(fast) as quick:
        logits, found = model(x), fast(x)
    different, spikes = {}, 0
    for name, layer in slow.profile().layers.items():
        different[name] = int((layer.counts - quick.profile().layers[name].counts).abs().sum())
        spikes += int(layer.counts.sum())
    # A current within a rounding error of the threshold may fall on either side, and layers after it see that.
    assert different["stem.neuron"] == 0
    assert different["blocks.1_1.layer1.neuron"] <= 2
    assert sum(different.values()) <= 0.01 * spikes
    assert (logits - found).norm() <= 0.1 * logits.norm()


def test_operations_are_counted_alike() -> None:
    model = quantized(bits=4, grid="symmetric", clip="absmax")
    x = torch.randn(9, 3, 12, 12, generator=torch.Generator().manual_seed(2))
    found = []
    for net in (optimize(model), integer_form(model)):
        with torch.inference_mode(), record_operations(net) as recorder:
            net(x)
        found.append(recorder.operations().to_tensors())
    assert found[0].keys() == found[1].keys()
    for name in found[0]:
        # As far as spikes may differ, see above; how many do depends on the number of threads.
        torch.testing.assert_close(found[1][name].sum(-1), found[0][name].sum(-1), rtol=0.01, atol=0)


def test_weights_that_are_no_whole_numbers_stay_in_float() -> None:
    model = sew_resnet8(8).eval()
    fast = integer_form(model)
    assert integer_layers(fast) == ()
    x = torch.randn(4, 3, 12, 12)
    with torch.inference_mode():
        assert torch.equal(fast(x), model(x))
