"""Gradients of convolutions that skip zeros: against PyTorch's in float64, and where they take over."""

from __future__ import annotations

import pytest
import torch
from oracles.kernels import needs_kernels
from torch import Tensor, nn

from snnbench.nn.averaged import Passes, convolve_averaged
from snnbench.nn.compiled import gradients
from snnbench.nn.compiled.events import EventConv
from snnbench.nn.compiled.gradients import skipping_gradients, weight_gradient
from snnbench.nn.convolution import gradients_plainly

pytestmark = needs_kernels


def spikes(*shape: int, rate: float = 0.2) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    counts = torch.randint(1, 4, shape, generator=generator)
    return (counts * (torch.rand(shape, generator=generator) < rate)).float()


def drawn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("out", [16, 48, 112, 224])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [
        ((3, 3), (1, 1), (1, 1)),
        ((3, 3), (2, 2), (1, 1)),
        ((1, 1), (2, 2), (0, 0)),
        ((5, 2), (1, 3), (3, 0)),
        ((2, 4), (3, 2), (2, 5)),
    ],
)
def test_the_gradient_of_weights_is_that_of_a_convolution(
    kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int], out: int
) -> None:
    conv = nn.Conv2d(19, out, kernel, stride, padding, bias=False)
    x = spikes(3, 19, 9, 8)
    gradient = drawn(*conv(x).shape)
    exact = gradients_plainly(conv, gradient.double(), x.double(), conv.weight, (False, True, False))[1]
    for images in (x, x.bfloat16()):
        found = weight_gradient(images, gradient, kernel, conv)
        torch.testing.assert_close(found, exact, check_dtype=False, rtol=1e-5, atol=1e-4)


def test_threads_change_nothing() -> None:
    conv, before = nn.Conv2d(10, 32, 3, padding=1), torch.get_num_threads()
    x, found = spikes(4, 10, 6, 6), []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        found.append(weight_gradient(x, drawn(4, 32, 6, 6), (3, 3), conv))
    torch.set_num_threads(before)
    assert torch.equal(found[0], found[1])  # type: ignore[arg-type]
    assert torch.equal(found[0], found[2])  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [torch.inf, -torch.inf, torch.nan])
def test_a_gradient_that_is_not_finite_meets_every_zero(value: float) -> None:
    conv = nn.Conv2d(8, 32, 3, padding=1, bias=False)
    x, gradient = spikes(2, 8, 6, 6), drawn(2, 32, 6, 6)
    gradient[1, 3, 2, 2] = value
    assert weight_gradient(x, gradient, (3, 3), conv) is None
    found, expected = (
        run(conv, gradient, x, conv.weight, (True, True, False)) for run in (skipping_gradients, gradients_plainly)
    )
    assert expected[1] is not None
    assert expected[1].isnan().any()
    torch.testing.assert_close(found, expected, equal_nan=True)


@pytest.mark.parametrize(
    ("what", "skips"),
    [
        ("spikes", True),
        ("a bias", True),
        ("few zeros", False),
        ("float64", False),
        ("dilation", False),
        ("a channel more", False),
        ("groups", False),
        ("padding by name", False),
        ("a frozen weight", False),
    ],
)
def test_a_convolution_learns_as_pytorchs_does(what: str, skips: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"dilation": {"dilation": 2}, "groups": {"groups": 2}, "padding by name": {"padding": "same"}}
    out = 33 if what == "a channel more" else 32
    conv = nn.Conv2d(8, out, 3, **{"padding": 1, "bias": what == "a bias", **options.get(what, {})})  # type: ignore[arg-type]
    conv.to(torch.float64 if what == "float64" else torch.float32)
    conv.weight.requires_grad_(what != "a frozen weight")
    calls: list[object] = []
    monkeypatch.setattr(gradients, "weight_gradient", lambda *given: calls.append(given) or weight_gradient(*given))
    found, expected = (
        learned(net, spikes(4, 8, 7, 6, rate=0.6 if what == "few zeros" else 0.2)) for net in (EventConv.of(conv), conv)
    )
    assert bool(calls) == skips
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def learned(conv: nn.Conv2d, x: Tensor) -> list[Tensor | None]:
    """Output, and gradients of input, weight and bias."""
    x = x.to(conv.weight.dtype).requires_grad_()
    conv.zero_grad(set_to_none=True)
    y = conv(x)
    (y * drawn(*y.shape)).sum().backward()
    return [y.detach(), x.grad, conv.weight.grad, None if conv.bias is None else conv.bias.grad]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_averaged_gradients_skip_zeros(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("snnbench.nn.averaged.has_fast_bfloat16", lambda: False)
    conv = nn.Conv2d(8, 32, 3, padding=1, bias=False)
    calls: list[object] = []
    monkeypatch.setattr(gradients, "weight_gradient", lambda *given: calls.append(given) or weight_gradient(*given))
    found = []
    for passes in (Passes(gradients=skipping_gradients), Passes()):
        x = spikes(3, 2, 8, 6, 6, rate=0.1).requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
            y = convolve_averaged(conv, x.to(dtype), passes)
        (y * drawn(*y.shape)).sum().backward()
        assert conv.weight.grad is not None
        found.append((x.grad, conv.weight.grad))
        conv.weight.grad = None
    assert len(calls) == 1
    rounding = 2**-7 if dtype == torch.bfloat16 else 1e-4  # a last bit of float32 may round a gradient elsewhere
    torch.testing.assert_close(*found, rtol=rounding, atol=1e-4)
