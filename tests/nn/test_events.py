"""Convolutions that skip zeros: against a plain loop in their order of addition, and against PyTorch's."""

from __future__ import annotations

import copy
from itertools import product

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from oracles.kernels import needs_kernels
from torch import Tensor, nn

from snnbench.builtin.uniform import uniform
from snnbench.nn import optimize, record_firing, spiking_vgg9
from snnbench.nn.compiled import events
from snnbench.nn.compiled.events import EventConv, convolve_events, convolve_rounded, sums_agree
from snnbench.nn.convolution import convolve_weight
from snnbench.quant import quantize_weights

pytestmark = needs_kernels


def spikes(*shape: int, most: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    fired = torch.rand(shape, generator=generator) < 0.2
    counts = torch.randint(1, most + 1, shape, generator=generator)
    return (fired * counts).float().contiguous(memory_format=torch.channels_last)


def weights(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def added_one_by_one(x: Tensor, weight: Tensor) -> np.ndarray:
    """Window rows, then columns, then input channels, in float32; the window stays inside the image."""
    (_, channels, height, width), (out, _, rows, columns) = x.shape, weight.shape
    images, taps = x.numpy(), weight.numpy()
    sums = np.zeros((len(x), out, height - rows + 1, width - columns + 1), np.float32)
    for r, c, channel in product(range(rows), range(columns), range(channels)):
        seen = images[:, channel, r : r + sums.shape[2], c : c + sums.shape[3]]
        sums += seen[:, None] * taps[None, :, channel, r, c, None, None]
    return sums


@pytest.mark.parametrize("out", [5, 16, 50, 130])
def test_products_are_added_one_by_one(out: int) -> None:
    x, weight = spikes(2, 6, 7, 5), weights(out, 6, 3, 2)
    found = convolve_events(x, weight, None, (1, 1), (0, 0))
    assert np.array_equal(found.numpy(), added_one_by_one(x, weight))


@pytest.mark.parametrize("most", [1, 3])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding"), [((3, 3), (1, 1), (1, 1)), ((1, 1), (2, 2), (0, 0)), ((5, 2), (1, 2), (3, 0))]
)
def test_sums_are_a_convolution(
    kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int], most: int
) -> None:
    x, weight, bias = spikes(3, 19, 9, 8, most=most), weights(37, 19, *kernel), weights(37)
    exact = F.conv2d(x.double(), weight.double(), bias.double(), stride, padding)
    found = convolve_events(x, weight, bias, stride, padding)
    torch.testing.assert_close(found.double(), exact, rtol=1e-5, atol=1e-5)
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_threads_change_nothing() -> None:
    x, weight, before = spikes(5, 8, 6, 6), weights(20, 8, 3, 3), torch.get_num_threads()
    found = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        found.append(convolve_events(x, weight, None, (1, 1), (1, 1)))
    torch.set_num_threads(before)
    assert torch.equal(*found)


@pytest.mark.parametrize("most", [1, 3])
def test_bfloat16_sums_are_rounded_once(most: int) -> None:
    x, weight = spikes(3, 8, 9, 7, most=most), weights(37, 8, 3, 3).bfloat16().float()
    found = convolve_events(x.bfloat16(), weight, None, (2, 1), (1, 1))
    assert torch.equal(found, convolve_events(x, weight, None, (2, 1), (1, 1)).bfloat16())
    assert found.is_contiguous(memory_format=torch.channels_last)


class Watch:
    """Counts convolutions that skip zeros."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, agree: bool) -> None:
        self.calls = 0
        monkeypatch.setattr(events, "convolve_events", self)
        monkeypatch.setattr(events, "sums_agree", lambda *geometry: agree)

    def __call__(self, *args: object) -> Tensor:
        self.calls += 1
        return convolve_events(*args)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("what", "skips"),
    [
        ("spikes", True),
        ("no zeros", False),
        ("other sums", False),
        ("gradients", True),
        ("autocast", False),
        ("an infinite weight", False),
        ("dilation", False),
        ("few channels", False),
        ("few products", False),
    ],
)
def test_zeros_are_skipped_where_that_changes_nothing(what: str, skips: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    geometry = {"dilation": {"dilation": 2}, "few products": {"stride": 2}}.get(what, {})
    conv = nn.Conv2d(8, 8 if what == "few channels" else 32, 3, padding=1, **geometry)
    x, watch = spikes(4, 8, 6, 6), Watch(monkeypatch, agree=what != "other sums")
    if what == "an infinite weight":
        nn.init.constant_(conv.weight[0, 0, 0], torch.inf)
    x = x + 1 if what == "no zeros" else x
    with torch.set_grad_enabled(what == "gradients"), torch.autocast("cpu", enabled=what == "autocast"):
        found, expected = EventConv.of(conv)(x), conv(x)
    assert watch.calls == skips
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5, equal_nan=True)


@pytest.mark.parametrize(
    ("what", "skips"), [("spikes", True), ("no zeros", False), ("a bias", False), ("fast", False), ("float32", False)]
)
def test_a_convolution_in_bfloat16_skips_zeros_without_copies(
    what: str, skips: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("snnbench.nn.convolution.has_fast_bfloat16", lambda: what == "fast")
    conv = nn.Conv2d(8, 32, 3, padding=1, bias=what == "a bias")
    x = (spikes(4, 8, 6, 6) + (what == "no zeros")).bfloat16() if what != "float32" else spikes(4, 8, 6, 6)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=what != "float32"):
        expected = convolve_weight(conv, x, conv.weight)
        watch = Watch(monkeypatch, agree=True)
        monkeypatch.setattr(EventConv, "_conv_forward", nn.Conv2d._conv_forward)
        found = convolve_rounded(EventConv.of(conv), x, conv.weight)
    assert watch.calls == skips
    assert found.dtype == expected.dtype
    torch.testing.assert_close(found, expected, rtol=0 if what != "spikes" else 2**-8, atol=0)


def test_sums_in_bfloat16_are_tried_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("snnbench.nn.convolution.has_fast_bfloat16", lambda: False)
    tried: list[torch.dtype] = []

    def tries(*geometry: object) -> bool:
        tried.append(F.conv2d(weights(1, 1, 3, 3), weights(1, 1, 3, 3)).dtype)
        return False

    monkeypatch.setattr(events, "sums_agree", tries)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        convolve_rounded(EventConv.of(nn.Conv2d(8, 32, 3, bias=False)), spikes(4, 8, 6, 6), weights(32, 8, 3, 3))
    assert set(tried) == {torch.float32}


def test_a_form_has_all_in_common_with_its_convolution() -> None:
    conv, x = nn.Conv2d(8, 32, 3), spikes(2, 8, 5, 5)
    form = EventConv.of(conv)
    quantize_weights(nn.Sequential(conv), lambda name, weight: uniform(weight, bits=2), exempt=())
    for each in (form, copy.deepcopy(form)):
        torch.testing.assert_close(each(x), conv(x), rtol=1e-5, atol=1e-5)
        assert torch.equal(each.weight, conv.weight)
    assert list(form.state_dict()) == list(conv.state_dict())
    with pytest.raises(AttributeError, match="no attribute 'wait'"):
        _ = form.wait


def test_a_wide_network_gives_the_same_bits() -> None:
    torch.manual_seed(0)
    model = spiking_vgg9(32, bn_scale=2.0, neuron="lif").to(memory_format=torch.channels_last)
    images = torch.randn(4, 3, 16, 16).contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        for _ in range(3):
            model(images)
    fast = optimize(model.eval())
    with torch.inference_mode(), record_firing(model) as slow, record_firing(fast) as quick:
        torch.testing.assert_close(fast(images), model(images), rtol=1e-6, atol=1e-6)
    assert slow.profile() == quick.profile()
    assert sum(int(layer.counts.sum()) for layer in quick.profile().layers.values())


def test_what_pytorch_adds_in_another_order_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    backwards = lambda x, weight, *rest: convolve_events(x.flip(1), weight.flip(1), *rest)  # noqa: E731
    geometry = ((2, 16, 8, 8), (32, 16, 3, 3), (1, 1), (1, 1), False)
    sums_agree.cache_clear()
    monkeypatch.setattr(events, "convolve_events", backwards)
    assert not sums_agree(geometry, 1)
    sums_agree.cache_clear()
